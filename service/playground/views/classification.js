// Classification: an input to draw, turn, disturb or upload; classes with the spread of the draws; uncertainty in parts.

import { ask } from "../api.js";
import { answerRegion } from "../parts/answering.js";
import { classAnswer } from "../parts/class_answer.js";
import { element } from "../parts/dom.js";
import { drawOptions } from "../parts/draw_options.js";
import { showRequest } from "../parts/request.js";
import { imageSource } from "./classification/image_source.js";
import { rowSource } from "./classification/row_source.js";
import { turnCurve, turnsAll } from "./classification/turn_curve.js";

const OUTPUTS = "label,mean,predictive_entropy,expected_entropy,mutual_information,decision,alarms";
const MOST_DRAWS = 200;

/** Show the view of a classifier, and return a function that frees it. */
export async function show(root, model) {
  let closed = false;
  let last = null;
  const options = drawOptions(MOST_DRAWS, () => refresh());
  const answer = classAnswer(model.classes);
  const region = answerRegion("Answer");
  const requestFrame = element("div", { class: "request-frame" });
  const predict = (body, query) =>
    ask("/predict", { query: { model: model.name, ...options.query(), ...query }, body });

  /** Ask for a prediction of the input on show, and for the curve unless the input was only turned. */
  const refresh = region.answering(async () => {
    try {
      const exchange = await predict(source.body(), { outputs: OUTPUTS, draws: true });
      if (closed) return;
      last = exchange.data;
      source.answered(last);
      answer.set(last, source.place());
      showRequest(requestFrame, exchange);
    } finally {
      curve?.follow(source, predict, JSON.stringify(options.query()));
    }
  });

  const ofImages = model.inputs.kind === "image";
  const told = { changed: refresh, chosen: () => last && answer.set(last, source.place()), failed: region.tell };
  const source = await (ofImages ? imageSource : rowSource)(model, told);
  const curve = ofImages && turnsAll(model) ? turnCurve(model, () => closed, source.turnTo) : null;
  region.content.append(answer.element);
  region.element.append(element("h2", {}, "Answer"), region.problem, region.content);
  root.append(
    element(
      "div",
      { class: "classification" },
      element(
        "section",
        { class: "card", "aria-label": "Input" },
        element("h2", {}, "Input"),
        source.element,
        options.element,
      ),
      region.element,
      ...(curve ? [curve.element] : []),
      requestFrame,
    ),
  );
  source.start();
  return () => {
    closed = true;
  };
}
