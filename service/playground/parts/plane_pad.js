// A pad: a point on a square, moved by mouse, touch and arrow keys; the background is the caller's.

import { element } from "./dom.js";

const STEP = 1 / 64;
const EDGE = 0.01;

/**
 * @param {string} label What the pad moves.
 * @param {HTMLElement} backdrop Shown behind the point; told to nobody who cannot see it.
 * @param {(across: number, up: number) => void} moved Shares of the square, from 0.01 to 0.99.
 * @returns {{element: HTMLElement, set: (across: number, up: number) => void, describe: (text: string) => void}}
 */
export function planePad(label, backdrop, moved) {
  const point = element("div", { class: "pad-point" });
  backdrop.setAttribute("aria-hidden", "true");
  const pad = element(
    "div",
    { class: "pad", tabindex: "0", role: "application", "aria-label": label },
    backdrop,
    point,
  );
  pad.setAttribute("aria-roledescription", "pad, moved by arrow keys");
  let [across, up] = [0.5, 0.5];

  function set(x, y) {
    across = Math.min(1 - EDGE, Math.max(EDGE, x));
    up = Math.min(1 - EDGE, Math.max(EDGE, y));
    point.style.left = `${across * 100}%`;
    point.style.top = `${(1 - up) * 100}%`;
  }

  function move(x, y) {
    set(x, y);
    moved(across, up);
  }

  function follow(event) {
    const box = pad.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  }

  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener("pointermove", (event) => pad.hasPointerCapture(event.pointerId) && follow(event));
  pad.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const step = event.shiftKey ? 4 * STEP : STEP;
    move(across + way[0] * step, up + way[1] * step);
  });
  set(across, up);
  return { element: pad, set, describe: (text) => pad.setAttribute("aria-label", `${label}: ${text}`) };
}
