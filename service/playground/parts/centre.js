// A drawing made as MNIST's digits were: 20 pixels long in a field of 28, its centre of mass in the middle
// (LeCun et al., 1998). A network that saw only such digits does not know one in a corner.

import { resampled } from "./resample.js";

const SIDE = 28;
const LONG = 20;
const FAINT = 0.1; // share of the range up to which a pixel is ground, not ink

/** Return whether images of this shape are made like MNIST's. */
export function isCentred([channels, height, width]) {
  return channels === 1 && height === SIDE && width === SIDE;
}

/** Return a raw drawing `(1, 28, 28)` in the size and the place of MNIST's digits; one without ink stays as it is. */
export function centred(image, { low, high }) {
  const ink = image[0].flatMap((row, y) => row.map((value, x) => ({ y, x, mass: value - low })));
  const strokes = ink.filter(({ mass }) => mass > FAINT * (high - low));
  if (!strokes.length) return image;
  const total = strokes.reduce((sum, { mass }) => sum + mass, 0);
  const [ys, xs] = ["y", "x"].map((axis) => {
    const places = strokes.map((one) => one[axis]);
    const mean = strokes.reduce((sum, one) => sum + one.mass * one[axis], 0) / total;
    return { length: Math.max(...places) - Math.min(...places) + 1, mean };
  });
  const step = Math.max(ys.length, xs.length) / LONG;
  const middle = (SIDE - 1) / 2;
  return resampled(image, low, (y, x) => [ys.mean + step * (y - middle), xs.mean + step * (x - middle)]);
}
