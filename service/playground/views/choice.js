// Which view draws a model. Every model has one: what no view draws is told how to ask.

const ROWS = ["table", "sequence"];

/** Tasks with the name of their group in the list of models. */
export const TASKS = {
  classification: "Classification",
  regression: "Regression",
  segmentation: "Segmentation",
  multilabel: "Several labels",
  generation: "Generation",
};

/** The views, the first that fits first, each with what it draws: `pixels` is the case of an answer for every pixel. */
const VIEWS = {
  generation: ({ task }) => task === "generation",
  table: ({ task, inputs, single }) => single && inputs.table && inputs.kind === "table" && ["classification", "regression"].includes(task),
  classification: ({ task, inputs, single, isPicture }) => task === "classification" && single && (isPicture || [...ROWS, "tokens"].includes(inputs.kind)),
  regression: ({ task, inputs }) => task === "regression" && ROWS.includes(inputs.kind),
  segmentation: ({ task, isPicture }) => task === "segmentation" && isPicture,
  maps: ({ task, single, isPicture }) => task === "regression" && isPicture && !single,
  asking: () => true,
};

/** Return the name of the view of a model, by its entry of the catalogue. */
export function viewOf(model) {
  const { inputs, positions = [] } = model;
  const isPicture = inputs?.kind === "image" && typeof inputs.low === "number" && typeof inputs.high === "number";
  const facts = { ...model, isPicture, single: !positions.length };
  return Object.keys(VIEWS).find((name) => VIEWS[name](facts));
}
