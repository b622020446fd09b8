// Noise on an image: inputs that a model has not seen, to watch its doubt grow.

/** Return the image with noise whose standard deviation is a `share` of its range; the noise is always the same. */
export function disturbed(image, share, { low, high }) {
  const draw = normals();
  const noisy = (value) => Math.min(high, Math.max(low, value + share * (high - low) * draw()));
  return image.map((channel) =>
    channel.map((row) => row.map((value) => (share ? Number(noisy(value).toFixed(2)) : value))),
  );
}

/** Return a source of nearly standard normal numbers, each the sum of twelve uniform ones. */
function normals() {
  let state = 1;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return () => Array.from({ length: 12 }, uniform).reduce((sum, one) => sum + one, -6);
}
