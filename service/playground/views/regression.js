// Regression: the mean over one input with its two bands, the data, and a pointer to read them off.

import { ask } from "../api.js";
import { element } from "../parts/dom.js";
import { examplesOf } from "../parts/examples.js";
import { key, plot } from "../parts/plot.js";
import { showRequest } from "../parts/request.js";
import { latest } from "../parts/schedule.js";
import { seedField } from "../parts/seed_field.js";
import { slider } from "../parts/slider.js";
import { readout } from "./regression/readout.js";
import { sequenceAxis } from "./regression/sequence_axis.js";
import { tableAxis } from "./regression/table_axis.js";

const OUTPUTS = "mean,aleatoric_variance,epistemic_variance,ood_score,decision";
const DRAWS = 50;
const MOST_DRAWS = 200;
const DEVIATIONS = 2;

/** Show the view of a regression model, and return a function that frees it. */
export async function show(root, model) {
  let closed = false;
  let seed = 0;
  let curve = null;
  const draws = slider("Draws", { min: 1, max: MOST_DRAWS, step: 1, value: DRAWS }, String, () => refresh());
  const seedChoice = seedField("Seed", seed, (next) => {
    seed = next;
    refresh();
  });
  const each = element("input", { type: "checkbox" });
  each.addEventListener("change", () => refresh());
  const target = element(
    "select",
    { "aria-label": "Target" },
    ...model.targets.map((name, i) => element("option", { value: i }, name)),
  );
  target.addEventListener("change", () => paint());
  const problem = element("p", { class: "problem", role: "alert" });
  const requestFrame = element("div", { class: "request-frame" });
  const chart = plot({ label: `${model.targets.join(", ")}: mean, bands and data`, height: 380, moved: (x) => point(x) });
  const reading = readout((place) => point(curve.x[place]));
  const examples = await examplesOf(model);
  const axis = (model.inputs.kind === "table" ? tableAxis : sequenceAxis)(model, examples, () => refresh());

  const refresh = latest(async () => {
    try {
      const exchange = await ask("/predict", {
        query: { model: model.name, samples: draws.value(), seed, outputs: OUTPUTS, draws: each.checked },
        body: { inputs: axis.inputs() },
      });
      if (closed) return;
      problem.textContent = "";
      curve = axis.curve(exchange.data);
      paint();
      showRequest(requestFrame, exchange);
    } catch (error) {
      problem.textContent = error.message;
    }
  });

  /** Return bands of two standard deviations: the inner is epistemic, the outer includes the noise of the data. */
  function paint() {
    const at = Number(target.value || 0);
    const column = (values) => values?.map((row) => row[at]) ?? curve.x.map(() => 0);
    const mean = column(curve.mean);
    const known = column(curve.epistemic);
    const total = column(curve.aleatoric).map((variance, i) => variance + known[i]);
    const around = (variances, side) => mean.map((value, i) => value + side * DEVIATIONS * Math.sqrt(variances[i]));
    const band = (variances) => ({ x: curve.x, low: around(variances, -1), high: around(variances, 1) });
    const outer = band(total);
    const points = axis.points(at);
    const all = [...outer.low, ...outer.high, ...points.y];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const margin = 0.04 * (high - low || 1);
    const layers = [
      { name: "band-aleatoric", band: outer },
      { name: "band-epistemic", band: band(known) },
      ...(curve.draws ? [{ name: "line-draw", lines: { x: curve.x, ys: curve.draws.map(column) } }] : []),
      { name: "line-mean", line: { x: curve.x, y: mean } },
      { name: "point-data", points },
    ];
    chart.set({
      x: { low: axis.low, high: axis.high, title: axis.title() },
      y: { low: low - margin, high: high + margin, title: model.targets[at] },
      layers,
    });
    reading.range(curve.x.length);
    point(curve.at ?? curve.x[Math.floor(curve.x.length / 2)]);
  }

  /** Show the values of the curve at its point nearest to `x`. */
  function point(x) {
    if (!curve) return;
    const distance = curve.x.map((one) => Math.abs(one - x));
    const place = distance.indexOf(Math.min(...distance));
    const at = Number(target.value || 0);
    curve.at = curve.x[place];
    chart.mark(curve.at);
    reading.set(place, {
      title: axis.title(),
      x: curve.at,
      mean: curve.mean[place][at],
      aleatoric: curve.aleatoric?.[place][at] ?? null,
      epistemic: curve.epistemic?.[place][at] ?? null,
      decision: curve.decision?.[place] ?? null,
    });
  }

  const meaning = {
    "line-mean": "mean",
    "band-epistemic": "epistemic: the model does not know (± 2 deviations)",
    "band-aleatoric": "with aleatoric: noise in the data",
    ...(axis.data && { "point-data": axis.data }),
  };
  root.append(
    element(
      "div",
      { class: "regression" },
      element(
        "section",
        { class: "card", "aria-label": "Curve" },
        element("h2", {}, model.targets.join(", ")),
        chart.element,
        key(meaning),
        reading.slider,
        problem,
      ),
      element(
        "section",
        { class: "card", "aria-label": "Controls and read-out" },
        reading.element,
        element(
          "div",
          { class: "regression-controls" },
          ...(model.targets.length > 1 ? [element("label", {}, "Target ", target)] : []),
          axis.element,
          draws.element,
          seedChoice.element,
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
