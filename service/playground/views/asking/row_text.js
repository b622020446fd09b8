// One row as the JSON of a request: means of the inputs where they are few, equal values where they are many.

const FEW = 64;
const SLOT = "\u0000"; // in no JSON

/**
 * @param {object} model Entry of the catalogue.
 * @returns {{text: string, many: {value: number, count: number}[]}} If there are `many`, `text` is a format of `printf`
 *   with a `%s` for each of them.
 */
export function rowText({ inputs, takes, example, manifest }) {
  if (takes) return { text: JSON.stringify(outputsOf(takes, manifest.model.outputs)), many: [] };
  if (example) return { text: JSON.stringify(example), many: [] };
  const many = [];
  const text = `{"inputs": [${rowOf(inputs, many)}]}`;
  return { text: many.length ? text.replaceAll("\\", "\\\\").replaceAll("%", "%%").replaceAll(SLOT, "%s") : text, many };
}

/** Return a row as JSON, and add those of its values that are many. */
function rowOf({ kind, shape, mean, low, high, table, parts }, many) {
  if (kind === "parts") {
    const named = Object.entries(parts).map(([name, part]) => `${JSON.stringify(name)}: ${rowOf(part, many)}`);
    return `{${named.join(", ")}}`;
  }
  if (table) return JSON.stringify(recordOf(table));
  const count = shape.reduce((product, side) => product * side);
  if (mean.length === count) return JSON.stringify(mean);
  const value = (low ?? 0) <= 0 && (high ?? 0) >= 0 ? 0 : (low ?? high);
  if (count <= FEW) return JSON.stringify(Array(count).fill(value));
  many.push({ value, count });
  return `[${SLOT}]`;
}

function recordOf({ columns }) {
  return Object.fromEntries(columns.map(({ name, categories, low }) => [name, categories?.length ? categories[0] : (low ?? 0)]));
}

/** Return one row of a model's outputs: equal logits or probabilities, or the target's own mean and variance. */
function outputsOf(takes, { mean, scale }) {
  const rows = Object.entries(takes).map(([name, shape]) => {
    const size = Number(shape.match(/rows, (\d+)/)[1]);
    const equal = (value) => Array(size).fill(value);
    const row = { probabilities: equal(1 / size), mean, variance: scale.map((one) => one ** 2) }[name] ?? equal(0);
    return [name, shape.startsWith("(draws") ? [[row], [row]] : [row]];
  });
  return Object.fromEntries(rows);
}
