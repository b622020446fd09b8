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

/**
 * The views with what each draws; the first that fits is taken. A row of a model that is `single` has one answer, and
 * `isJson` is one whose targets fit into JSON.
 */
const VIEWS = {
  generation: ({ task }) => task === "generation",
  table: ({ task, inputs, single }) => single && inputs.table && inputs.kind === "table" && ["classification", "regression"].includes(task),
  classification: ({ task, inputs, single, isPicture }) => task === "classification" && single && (isPicture || [...ROWS, "tokens"].includes(inputs.kind)),
  regression: ({ task, inputs }) => task === "regression" && ROWS.includes(inputs.kind),
  segmentation: ({ task, isPicture }) => task === "segmentation" && isPicture,
  maps: ({ task, isPicture, positions, isJson }) => task === "regression" && isPicture && positions?.length === 2 && isJson,
  asking: () => true,
};

/** Return the name of the view of a model, by what `GET /models/{name}` says. */
export function viewOf(model) {
  const { inputs, positions = [] } = model;
  const isPicture = inputs?.kind === "image" && typeof inputs.low === "number" && typeof inputs.high === "number";
  const numbers = positions.reduce((product, side) => product * side, (model.targets ?? []).length);
  const facts = { ...model, isPicture, single: !positions.length, isJson: numbers <= model.limits.json_numbers };
  return Object.keys(VIEWS).find((name) => VIEWS[name](facts));
}
