// Numbers as evenly spaced colours, also for the colour-blind and in grey (the map "cividis", Nunez et al., 2018).

import { element } from "./dom.js";

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
 * The colours from 0 to a largest value, with both named.
 *
 * @returns {{element: HTMLElement, set: (high: number, unit: string) => void}}
 */
export function scaleBar() {
  const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
  paintPixels(canvas, 1, 128, (_, x) => heat(x / 127));
  const high = element("span", {}, "");
  const frame = element("div", { class: "scale-bar" }, element("span", {}, "0"), canvas, high);
  return { element: frame, set: (value, unit) => (high.textContent = `${value.toPrecision(3)} ${unit}`.trim()) };
}
