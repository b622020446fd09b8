// Numbers as evenly spaced colours, also for the colour-blind and in grey (the map "cividis", Nunez et al., 2018).

import { element } from "./dom.js";
import { written } from "./words.js";

const COLOURS = [
  [0, 32, 76],
  [0, 52, 110],
  [60, 74, 107],
  [91, 95, 109],
  [117, 117, 117],
  [146, 140, 120],
  [176, 165, 114],
  [225, 204, 92],
  [255, 233, 69],
];

/** Return the colour, `[red, green, blue]`, of a share from 0 (dark blue) to 1 (yellow). */
export function heat(share) {
  const place = Math.min(1, Math.max(0, share)) * (COLOURS.length - 1);
  const below = Math.min(COLOURS.length - 2, Math.floor(place));
  return COLOURS[below].map((one, i) => one + (place - below) * (COLOURS[below + 1][i] - one));
}

/** Return the smallest and the largest of a picture's values, however many there are. */
export function ends(rows) {
  const low = rows.reduce((least, row) => Math.min(least, ...row), Infinity);
  return [low, rows.reduce((most, row) => Math.max(most, ...row), -Infinity)];
}

/** Paint values `(height, width)` as colours from `low` to `high`. */
export function paintHeat(canvas, rows, low, high) {
  paintPixels(canvas, rows.length, rows[0].length, (y, x) => heat((rows[y][x] - low) / (high - low || 1)));
}

/** Paint a canvas pixel by pixel: `colour(y, x)` is `[red, green, blue]`, each from 0 to 255. */
export function paintPixels(canvas, height, width, colour) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < height * width; i += 1) {
    pixels.data.set(colour(Math.floor(i / width), i % width), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

/**
 * The colours from a smallest to a largest value, with both named.
 *
 * @returns {{element: HTMLElement, set: (low: number, high: number, unit: string) => void}}
 */
export function scaleBar() {
  const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
  paintPixels(canvas, 1, 128, (_, x) => heat(x / 127));
  const named = [element("span", {}), element("span", {})];
  function set(low, high, unit) {
    named[0].textContent = written(low);
    named[1].textContent = `${written(high)} ${unit}`.trim();
  }
  return { element: element("div", { class: "scale-bar" }, named[0], canvas, named[1]), set };
}
