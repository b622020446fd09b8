// Regression: the mean over one input with its two bands, the data, and a pointer to read them off.

import { ask } from "../api.js";
import { answerRegion } from "../parts/answering.js";
import { element } from "../parts/dom.js";
import { drawOptions } from "../parts/draw_options.js";
import { examplesOf } from "../parts/examples.js";
import { showRequest } from "../parts/request.js";
import { rowsBody } from "../parts/rows_body.js";
import { curvePlot } from "./regression/curve.js";
import { sequenceAxis } from "./regression/sequence_axis.js";
import { tableAxis } from "./regression/table_axis.js";

const OUTPUTS = "mean,aleatoric_variance,epistemic_variance,decision";
const MOST_DRAWS = 200;

/** Show the view of a regression model, and return a function that frees it. */
export async function show(root, model) {
  let closed = false;
  const options = drawOptions(MOST_DRAWS, () => refresh());
  const each = element("input", { type: "checkbox" });
  each.addEventListener("change", () => refresh());
  const region = answerRegion("Curve");
  const requestFrame = element("div", { class: "request-frame" });
  const examples = await examplesOf(model);
  const axis = (model.inputs.kind === "table" ? tableAxis : sequenceAxis)(model, examples, () => refresh());
  const plotted = curvePlot(model.targets, axis.data);

  const refresh = region.answering(async () => {
    const exchange = await ask("/predict", {
      query: { model: model.name, ...options.query(), outputs: OUTPUTS, draws: each.checked },
      body: rowsBody(axis.inputs(), model.limits),
    });
    if (closed) return;
    plotted.set(axis.curve(exchange.data));
    showRequest(requestFrame, exchange);
  });

  region.content.append(plotted.element);
  region.element.append(element("h2", {}, model.targets.join(", ")), region.problem, region.content);
  root.append(
    element(
      "div",
      { class: "regression" },
      region.element,
      element(
        "section",
        { class: "card", "aria-label": "Controls and read-out" },
        plotted.reading,
        element(
          "div",
          { class: "regression-controls" },
          ...plotted.controls,
          axis.element,
          options.element,
          element("label", { class: "check" }, each, "Show every draw, each one function"),
        ),
      ),
      requestFrame,
    ),
  );
  await refresh();
  return () => {
    closed = true;
  };
}
