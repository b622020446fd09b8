// Noise on an image: what a model has not seen, so that its doubt can be watched growing.

/** The image with noise of a deviation, a `share` of its range, inside that range; always the same noise. */
export function disturbed(image, share, { low, high }) {
  const draw = normals();
  const noisy = (value) => Math.min(high, Math.max(low, value + share * (high - low) * draw()));
  return image.map((channel) =>
    channel.map((row) => row.map((value) => (share ? Number(noisy(value).toFixed(2)) : value))),
  );
}

/** Draws of about the standard normal, by the sum of twelve uniform ones of a linear congruential generator. */
function normals() {
  let state = 1;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return () => Array.from({ length: 12 }, uniform).reduce((sum, one) => sum + one, -6);
}
