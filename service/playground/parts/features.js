// The features of a table or a sequence.

/** Return inputs with a mean and a scale for each feature, also where the catalogue has one for all. */
export function withEachFeature(inputs) {
  if (!["table", "sequence"].includes(inputs?.kind)) return inputs;
  const count = inputs.shape.at(-1);
  const each = (values) => (values.length === count ? values : Array(count).fill(values[0]));
  return { ...inputs, mean: each(inputs.mean), scale: each(inputs.scale) };
}
