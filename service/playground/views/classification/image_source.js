// An image for a classifier: drawn, or an example of the data; turned and with noise added if wanted.

import { disturbed } from "../../parts/disturb.js";
import { drawingPad } from "../../parts/drawing_pad.js";
import { element } from "../../parts/dom.js";
import { exampleChoice } from "../../parts/example_choice.js";
import { rotated } from "../../parts/rotate.js";
import { degrees, percent, slider } from "../../parts/slider.js";

/**
 * @param {object} model Entry of the catalogue.
 * @param {() => void} changed
 * @returns {Promise<{element: HTMLElement, seen: () => number[][][], turned: (angle: number) => number[][][],
 *   angle: () => number, state: () => object, start: () => void}>} `state` becomes another object by any change but a turn.
 */
export async function imageSource(model, changed) {
  const { low, high, shape } = model.inputs;
  const blank = Array.from({ length: shape[0] }, () =>
    Array.from({ length: shape[1] }, () => Array.from({ length: shape[2] }, () => low)),
  );
  let raw = blank;
  let state = {};

  const angle = slider("Rotation", { min: -180, max: 180, step: 5, value: 0 }, degrees, show);
  const noise = slider("Noise added", { min: 0, max: 0.5, step: 0.01, value: 0 }, percent, () => take(raw));
  const pad = drawingPad(model.inputs, seen, (drawn) => {
    angle.set(0);
    noise.set(0);
    examples.release();
    take(drawn);
  });
  const clear = element("button", { type: "button", class: "quiet" }, "Clear");
  clear.addEventListener("click", () => {
    examples.release();
    take(blank);
  });
  const examples = await exampleChoice(model, { low, high }, take);

  function turned(degree) {
    return disturbed(rotated(raw, degree, low), noise.value(), { low, high });
  }

  function seen() {
    return turned(angle.value());
  }

  function take(next) {
    raw = next;
    state = {};
    show();
  }

  function show() {
    pad.show(seen());
    changed();
  }

  return {
    element: element(
      "div",
      { class: "image-source" },
      element("div", { class: "pad-column" }, pad.element, clear),
      element("div", { class: "image-options" }, examples.element, angle.element, noise.element),
    ),
    seen,
    turned,
    angle: angle.value,
    state: () => state,
    start: () => (examples.inputs.length ? examples.choose(preferred(examples.targets)) : take(blank)),
  };
}

/** Choose the example to start with: a one, as in the lecture on rotated digits. */
function preferred(targets) {
  return Math.max(0, (targets ?? []).indexOf("1"));
}
