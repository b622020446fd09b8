// What a model takes and answers, in words, as the catalogue has it.

const AXES = {
  image: "channels, height, width",
  volume: "channels, depth, height, width",
  sequence: "steps, features",
  tokens: "steps",
  table: "features",
};
const FORMATS = {
  image: ["JSON", ".npy", "picture files"],
  table: ["JSON", "CSV", ".npy"],
  parts: ["JSON", ".npz"],
  outputs: ["JSON", ".npz", ".npy"],
};
const MEANS = {
  classification: "the probability of each class",
  segmentation: "the probability of each class",
  multilabel: "the probability of each label",
  regression: "the value of each target",
};
const MOST_NAMES = 12;

/** Return what a row is. */
export function rowOf({ inputs, takes }) {
  if (takes) return `Outputs of the model, which lives elsewhere: ${listed(Object.entries(takes).map(([name, shape]) => `${name} ${shape}`))}.`;
  if (inputs.kind !== "parts") return `${described(inputs)}.`;
  return `By name: ${listed(Object.entries(inputs.parts).map(([name, part]) => `${name}, ${described(part)}`), "; ")}.`;
}

/** Return the formats of a request. */
export function formatsOf({ inputs, limits }) {
  const formats = FORMATS[inputs.kind] ?? ["JSON", ".npy"];
  const [most, text] = [limits.body_bytes, limits.json_bytes].map((bytes) => `${(bytes / 1e6).toPrecision(2)} MB`);
  return `${formats.join(", ")}; at most ${most} at once, ${text} as text, and ${limits.rows} rows.`;
}

/** Return what an answer is. */
export function answerOf({ task, classes, targets, positions = [] }) {
  const names = classes ?? targets;
  const shape = ["rows", ...positions, names.length].join(", ");
  return `A mean (${shape}), ${MEANS[task] ?? "each output"}: ${listed(names)}; and how unsure the model is of it.`;
}

function described({ kind, shape, names = [], low, high, table }) {
  if (table) return `${kind === "table" ? "a record" : `up to ${shape[0]} records`} of ${listed(table.columns.map(({ name }) => name))}`;
  const values = kind === "tokens" ? "whole numbers" : "numbers";
  const range = typeof low === "number" || typeof high === "number" ? ` from ${low ?? "any"} to ${high ?? "any"}` : "";
  const features = names.length ? `: ${listed(names)}` : "";
  return `${kind} of ${shape.join(" x ")} ${values}${range} (${AXES[kind] ?? "values"})${features}`;
}

function listed(names, separator = ", ") {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(separator)} and ${more} more` : names.join(separator);
}
