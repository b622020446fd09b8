// Examples of a model's inputs, as small pictures to choose from.

import { ask } from "../api.js";
import { element } from "./dom.js";
import { paintImage } from "./raw_image.js";

/**
 * @param {object} model Entry of the catalogue.
 * @param {{low: number, high: number}} range Of raw pixels.
 * @param {(raw: number[][][], place: number) => void} chosen
 * @returns {Promise<{element: HTMLElement, inputs: number[][][][], release: () => void}>}
 */
export async function exampleChoice(model, range, chosen) {
  const { inputs, labels } = await offered(model);
  const buttons = inputs.map((raw, place) => {
    const name = labels?.[place] === undefined ? `Example ${place + 1}` : `Example ${place + 1}: ${labels[place]}`;
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
    release,
  };
}

/** Some inputs of the data that a model was trained for; none of data that the service does not have. */
async function offered(model) {
  try {
    return (await ask(`/models/${model.name}/examples`, { method: "GET" })).data;
  } catch {
    return { inputs: [] };
  }
}
