// Tables of named columns: a row to fill in, the answer by names and units, and how it changes over one column.

import { ask } from "../api.js";
import { answerRegion } from "../parts/answering.js";
import { classAnswer } from "../parts/class_answer.js";
import { element } from "../parts/dom.js";
import { CURVE_OUTPUTS } from "../parts/doubt_curves.js";
import { drawOptions } from "../parts/draw_options.js";
import { examplesOf } from "../parts/examples.js";
import { showRequest } from "../parts/request.js";
import { classCurve } from "./table/class_curve.js";
import { numberAnswer } from "./table/number_answer.js";
import { rowForm } from "./table/row_form.js";
import { sweep } from "./table/sweep.js";
import { valueCurve } from "./table/value_curve.js";

const MOST_DRAWS = 200;
const LEVEL = 0.9;
const FEWEST_CALIBRATION_ROWS = 9; // for an interval of that level

const KINDS = {
  classification: {
    curveOutputs: CURVE_OUTPUTS,
    answer: (model) => classAnswer(model.classes),
    curve: (model) => classCurve(model.classes),
    query: () => ({ draws: true }),
  },
  regression: {
    curveOutputs: "mean,aleatoric_variance,epistemic_variance,decision",
    answer: (model) => numberAnswer(model.targets),
    curve: (model) => valueCurve(model.targets),
    query: ({ manifest: { calibration } }) =>
      calibration && calibration.rows < FEWEST_CALIBRATION_ROWS ? {} : { interval: LEVEL },
  },
};

/** Show the view of a model of a table with a schema, and return a function that frees it. */
export async function show(root, model) {
  const { table } = model.inputs;
  const kind = KINDS[model.task];
  let closed = false;
  const { records } = await examplesOf(model);
  const form = rowForm(table, records, () => refresh());
  const options = drawOptions(MOST_DRAWS, () => refresh());
  const over = sweep(table, () => refreshCurve());
  const answer = kind.answer(model);
  const curve = kind.curve(model);
  const region = answerRegion("Answer");
  const curveRegion = answerRegion("Over one column", { class: "card answer column-curve", hidden: !over.any });
  const requestFrame = element("div", { class: "request-frame" });
  const predict = (inputs, query) =>
    ask("/predict", { query: { model: model.name, ...options.query(), ...query }, body: { inputs } });

  const refresh = region.answering(async () => {
    const record = form.record();
    if (!record) throw new Error("Fill in the fields that are marked; then the model answers.");
    const query = unlisted(table, record) ? { on_unknown: "abstain" } : {};
    try {
      const exchange = await predict([record], { ...kind.query(model), ...query });
      if (closed) return;
      answer.set(exchange.data, 0);
      showRequest(requestFrame, exchange);
    } catch (error) {
      form.blame(error.errors ?? []);
      throw error;
    }
    refreshCurve();
  });

  const refreshCurve = curveRegion.answering(async () => {
    const record = form.record();
    if (!record || !over.any) return;
    if (unlisted(table, record)) throw new Error("No curve: the row has a value that training never saw.");
    const { data } = await predict(over.records(record), { outputs: kind.curveOutputs });
    if (!closed) curve.set(over.axis(), data, record);
  });

  region.content.append(answer.element);
  region.element.append(element("h2", {}, "Answer"), region.problem, region.content);
  curveRegion.content.append(curve.element);
  curveRegion.element.append(element("h2", {}, "If one column were different"), over.element, curveRegion.problem, curveRegion.content);
  root.append(
    element(
      "div",
      { class: "table-view" },
      element("section", { class: "card", "aria-label": "Row" }, element("h2", {}, "Row"), form.element, options.element),
      region.element,
      curveRegion.element,
      requestFrame,
    ),
  );
  await refresh();
  return () => {
    closed = true;
  };
}

/** Return whether a record has a category that the model does not know. */
function unlisted({ columns }, record) {
  return columns.some(({ name, kind, categories }) => kind === "category" && record[name] !== null && !categories.includes(record[name]));
}
