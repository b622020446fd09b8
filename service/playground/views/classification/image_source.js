// An image for a classifier: drawn, or an example of the data, turned and with noise added if wanted; or files.

import { disturbed } from "../../parts/disturb.js";
import { drawingPad } from "../../parts/drawing_pad.js";
import { element } from "../../parts/dom.js";
import { exampleChoice } from "../../parts/example_choice.js";
import { rotated } from "../../parts/rotate.js";
import { rowsBody } from "../../parts/rows_body.js";
import { degrees, percent, slider } from "../../parts/slider.js";
import { ownPictures } from "./own_pictures.js";

/**
 * @param {object} model Entry of the catalogue with its limits.
 * @param {{changed: () => void, chosen: () => void, failed: (message: string) => void}} told `chosen` after another one
 *   of the user's own pictures is looked at, whose answers are known.
 * @returns {Promise<{element: HTMLElement, body: () => object | Blob | FormData, place: () => number,
 *   answered: (answer: object) => void, turns: () => boolean, turned: (angle: number) => number[][][],
 *   angle: () => number, state: () => object, start: () => void}>} `state` becomes another object by any change but a
 *   turn; files do not turn, since nothing here decodes them.
 */
export async function imageSource(model, { changed, chosen, failed }) {
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
  const disturbances = element("div", { class: "disturbances" }, angle.element, noise.element);
  const own = ownPictures(model, { taken: takeFiles, chosen, failed });

  function turned(degree) {
    return disturbed(rotated(raw, degree, low), noise.value(), { low, high });
  }

  function seen() {
    return turned(angle.value());
  }

  function take(next) {
    own.release();
    set(next);
  }

  function takeFiles() {
    examples.release();
    set(blank);
  }

  function set(next) {
    raw = next;
    state = {};
    disturbances.hidden = own.body() !== null;
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
      element("div", { class: "image-options" }, examples.element, disturbances),
      own.element,
    ),
    body: () => own.body() ?? rowsBody([seen()], model.limits),
    place: own.place,
    answered: own.answered,
    turns: () => own.body() === null,
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
