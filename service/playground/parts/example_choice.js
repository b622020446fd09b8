// Examples of a model's inputs, as small pictures to choose from.

import { element } from "./dom.js";
import { examplesOf } from "./examples.js";
import { paintImage } from "./raw_image.js";

/**
 * @param {object} model Entry of the catalogue.
 * @param {{low: number, high: number}} range Of raw pixels.
 * @param {(raw: number[][][], place: number) => void} chosen
 * @returns {Promise<{element: HTMLElement, inputs: number[][][][], targets: any[] | null,
 *   choose: (place: number) => void, release: () => void}>}
 */
export async function exampleChoice(model, range, chosen) {
  const { inputs, targets } = await examplesOf(model);
  const buttons = inputs.map((raw, place) => {
    const name = targets ? `Example ${place + 1}: ${targets[place]}` : `Example ${place + 1}`;
    const canvas = element("canvas", { class: "pixels", role: "img", "aria-label": name });
    paintImage(canvas, raw, range.low, range.high);
    const button = element("button", { type: "button", class: "example", "aria-pressed": "false" }, canvas);
    button.addEventListener("click", () => {
      release();
      button.setAttribute("aria-pressed", "true");
      chosen(raw, place);
    });
    return button;
  });
  const release = () => buttons.forEach((button) => button.setAttribute("aria-pressed", "false"));
  return {
    element: element("div", { class: "examples", role: "group", "aria-label": "Examples" }, ...buttons),
    inputs,
    targets,
    choose: (place) => buttons[place].click(),
    release,
  };
}
