// Rotation of a raw image: inputs that a classifier of upright digits does not know.

import { resampled } from "./resample.js";

/** Return the image turned clockwise by `angle` degrees; corners are filled with `low`. */
export function rotated(image, angle, low) {
  if (angle % 360 === 0) return image;
  const turn = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const [y0, x0] = [(image[0].length - 1) / 2, (image[0][0].length - 1) / 2];
  return resampled(image, low, (y, x) => {
    const [dy, dx] = [y - y0, x - x0];
    return [y0 + cos * dy - sin * dx, x0 + sin * dy + cos * dx];
  });
}
