// Classification: an input to draw, turn and disturb; classes with the spread of the draws; uncertainty and its parts.

import { ask } from "../api.js";
import { classSpread } from "../parts/class_spread.js";
import { element } from "../parts/dom.js";
import { entropySplit } from "../parts/entropy_split.js";
import { showRequest } from "../parts/request.js";
import { latest } from "../parts/schedule.js";
import { seedField } from "../parts/seed_field.js";
import { slider } from "../parts/slider.js";
import { imageSource } from "./classification/image_source.js";
import { rowSource } from "./classification/row_source.js";
import { turnCurve } from "./classification/turn_curve.js";

const OUTPUTS = "mean,predictive_entropy,expected_entropy,mutual_information";
const DRAWS = 50;
const MOST_DRAWS = 200;

/** Show the view of a classifier, and return a function that frees it. */
export async function show(root, model) {
  let closed = false;
  let seed = 0;
  const draws = slider("Draws", { min: 1, max: MOST_DRAWS, step: 1, value: DRAWS }, String, () => refresh(true));
  const seedChoice = seedField("Seed", seed, (next) => {
    seed = next;
    refresh(true);
  });
  const spread = classSpread(model.classes);
  const entropy = entropySplit(Math.log(model.classes.length));
  const decision = element("p", { class: "decision", role: "status" });
  const problem = element("p", { class: "problem", role: "alert" });
  const requestFrame = element("div", { class: "request-frame" });
  const predict = (inputs, query) =>
    ask("/predict", { query: { model: model.name, samples: draws.value(), seed, ...query }, body: { inputs } });

  /** Ask for a prediction of the input on show, and for the curve unless the input was only turned. */
  const refresh = latest(async () => {
    try {
      const exchange = await predict([source.seen()], { outputs: OUTPUTS, draws: true });
      if (closed) return;
      problem.textContent = "";
      paint(exchange.data);
      showRequest(requestFrame, exchange);
    } catch (error) {
      problem.textContent = error.message;
    }
    curve?.follow(source, predict, `${seed} ${draws.value()}`);
  });

  function paint(answer) {
    const [means] = answer.mean;
    spread.set(means, answer.draws?.map((draw) => draw[0]) ?? null);
    const at = (name) => answer[name]?.[0] ?? null;
    entropy.set({
      total: at("predictive_entropy"),
      aleatoric: at("expected_entropy"),
      epistemic: at("mutual_information"),
    });
    const verdict = { accept: "accepts the answer", abstain: "abstains: it knows too little about this input" }[at("decision")];
    decision.textContent = `Class ${at("label")}. ${verdict ? `Decision: the model ${verdict}.` : "No threshold was fitted."}`;
    decision.classList.toggle("abstains", at("decision") === "abstain");
  }

  const ofImages = model.inputs.kind === "image";
  const source = await (ofImages ? imageSource : rowSource)(model, refresh);
  const curve = ofImages ? turnCurve(model, (message) => (problem.textContent = message), () => closed) : null;
  root.append(
    element(
      "div",
      { class: "classification" },
      element(
        "section",
        { class: "card", "aria-label": "Input" },
        element("h2", {}, "Input"),
        source.element,
        element("div", { class: "mode-options" }, draws.element, seedChoice.element),
      ),
      element(
        "section",
        { class: "card", "aria-label": "Answer" },
        element("h2", {}, "Answer"),
        spread.element,
        element("p", { class: "meaning" }, "Bars: mean of the draws. Ticks: single draws, each one function."),
        entropy.element,
        decision,
        problem,
      ),
      ...(curve ? [curve.element] : []),
      requestFrame,
    ),
  );
  source.start();
  return () => {
    closed = true;
  };
}
