// An image for a classifier: drawn, or an example of the data, turned and with noise added if wanted; or files.

import { centred, isCentred } from "../../parts/centre.js";
import { disturbed } from "../../parts/disturb.js";
import { drawingPad } from "../../parts/drawing_pad.js";
import { element } from "../../parts/dom.js";
import { exampleChoice } from "../../parts/example_choice.js";
import { paintImage } from "../../parts/raw_image.js";
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
 *   angle: () => number, turnTo: (angle: number) => void, state: () => object, start: () => void}>} `state` becomes another object by any change but a
 *   turn; files do not turn, since nothing here decodes them. What is drawn for a model of MNIST's digits is sent centred
 *   as those are, and shown so beside the drawing.
 */
export async function imageSource(model, { changed, chosen, failed }) {
  const { low, high, shape } = model.inputs;
  const blank = Array.from({ length: shape[0] }, () =>
    Array.from({ length: shape[1] }, () => Array.from({ length: shape[2] }, () => low)),
  );
  let raw = blank;
  let strokes = null; // as they were drawn, until something else is taken or done to them
  let state = {};

  const angle = slider("Rotation", { min: -180, max: 180, step: 5, value: 0 }, degrees, turn);
  const noise = slider("Noise added", { min: 0, max: 0.5, step: 0.01, value: 0 }, percent, () => take(raw));
  const pad = drawingPad(model.inputs, () => strokes ?? seen(), (drawn) => {
    angle.set(0);
    noise.set(0);
    examples.release();
    take(isCentred(shape) ? centred(drawn, { low, high }) : drawn, drawn);
  });
  const sent = element("canvas", { class: "pixels", role: "img", "aria-label": "The drawing as it is sent" });
  const moved = element(
    "figure",
    { class: "drawing-sent", hidden: true },
    sent,
    element("figcaption", { class: "meaning" }, "Sent like this: in the size and place of the digits that the model was trained on."),
  );
  const clear = element("button", { type: "button", class: "quiet" }, "Clear");
  clear.addEventListener("click", () => {
    examples.release();
    take(blank);
  });
  const examples = await exampleChoice(model, { low, high }, (example) => take(example));
  const disturbances = element("div", { class: "disturbances" }, angle.element, noise.element);
  const own = ownPictures(model, { taken: takeFiles, chosen, failed });

  function turned(degree) {
    return disturbed(rotated(raw, degree, low), noise.value(), { low, high });
  }

  function seen() {
    return turned(angle.value());
  }

  function take(next, drawn = null) {
    own.release();
    set(next, drawn);
  }

  function takeFiles() {
    examples.release();
    set(blank);
  }

  function set(next, drawn = null) {
    raw = next;
    strokes = drawn;
    state = {};
    disturbances.hidden = own.body() !== null;
    show();
  }

  function turn() {
    strokes = null;
    show();
  }

  function show() {
    pad.show(strokes ?? seen());
    moved.hidden = !(strokes && isCentred(shape));
    if (!moved.hidden) paintImage(sent, raw, low, high);
    changed();
  }

  return {
    element: element(
      "div",
      { class: "image-source" },
      element("div", { class: "pad-column" }, pad.element, clear, moved),
      element("div", { class: "image-options" }, examples.element, disturbances),
      own.element,
    ),
    body: () => own.body() ?? rowsBody([seen()], model.limits),
    place: own.place,
    answered: own.answered,
    turns: () => own.body() === null,
    turned,
    angle: angle.value,
    turnTo(degree) {
      angle.set(degree);
      turn();
    },
    state: () => state,
    start: () => (examples.inputs.length ? examples.choose(preferred(examples.targets)) : take(blank)),
  };
}

/** Choose the example to start with: a one, as in the lecture on rotated digits. */
function preferred(targets) {
  return Math.max(0, (targets ?? []).indexOf("1"));
}
