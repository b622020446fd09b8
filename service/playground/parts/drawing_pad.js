// An image to draw on: by mouse, pen or finger, in the model's own pixels.

import { element } from "./dom.js";
import { paintImage } from "./raw_image.js";

/**
 * @param {{low: number, high: number, shape: number[]}} inputs Of the model.
 * @param {() => number[][][]} drawnOn The raw image that a stroke is added to; it is not changed.
 * @param {(raw: number[][][]) => void} changed
 * @returns {{element: HTMLElement, show: (raw: number[][][]) => void}}
 */
export function drawingPad({ low, high, shape: [, height, width] }, drawnOn, changed) {
  const canvas = element("canvas", {
    class: "pixels drawing-pad",
    role: "img",
    "aria-label": "Input of the model; draw on it with a mouse, a pen or a finger",
  });
  const radius = Math.max(0.75, Math.min(height, width) / 18);
  let last = null;

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientY - box.top) / box.height) * height - 0.5,
      ((event.clientX - box.left) / box.width) * width - 0.5,
    ];
  }

  /** Brighten the pixels within the pen's radius of the line from `last` to here, fading out over one pixel. */
  function stroke(to) {
    const from = last ?? to;
    const ink = (y, x) => {
      const [dy, dx] = [to[0] - from[0], to[1] - from[1]];
      const length = dy * dy + dx * dx;
      const share = length ? Math.min(1, Math.max(0, ((y - from[0]) * dy + (x - from[1]) * dx) / length)) : 0;
      const distance = Math.hypot(y - from[0] - share * dy, x - from[1] - share * dx);
      return low + (high - low) * Math.min(1, Math.max(0, radius + 0.5 - distance));
    };
    changed(
      drawnOn().map((channel) =>
        channel.map((row, y) => row.map((value, x) => Math.max(value, Number(ink(y, x).toFixed(2))))),
      ),
    );
    last = to;
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) stroke(place(event));
  });
  return { element: canvas, show: (raw) => paintImage(canvas, raw, low, high) };
}
