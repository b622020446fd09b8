// An input at every angle in a row, with what the model takes it for and how unsure it is: the lecture's rotated one.

import { element } from "../../parts/dom.js";
import { paintImage } from "../../parts/raw_image.js";
import { degrees } from "../../parts/slider.js";

/**
 * @param {object} model Entry of the catalogue.
 * @param {number[]} angles Degrees.
 * @param {(angle: number) => void} chosen
 * @returns {{element: HTMLElement, set: (images: number[][][][], answers: {label: string, nats: number}[]) => void,
 *   mark: (angle: number) => void}} `set` takes an image and an answer for each angle.
 */
export function turnedRow(model, angles, chosen) {
  const { low, high } = model.inputs;
  const most = Math.log(model.classes.length);
  const places = angles.map((angle) => {
    const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
    const label = element("span", { class: "turned-label" });
    const bar = element("span", { class: "share-fill" });
    const nats = element("span", { class: "turned-nats" });
    const track = element("span", { class: "share-track", "aria-hidden": "true" }, bar);
    const name = element("span", { class: "turned-angle" }, degrees(angle));
    const button = element("button", { type: "button", class: "turned" }, name, canvas, label, track, nats);
    button.addEventListener("click", () => chosen(angle));
    return { canvas, label, bar, nats, button };
  });

  function set(images, answers) {
    places.forEach(({ canvas, label, bar, nats }, i) => {
      paintImage(canvas, images[i], low, high);
      label.textContent = answers[i].label;
      bar.style.width = `${(100 * answers[i].nats) / most}%`;
      nats.textContent = `${answers[i].nats.toFixed(2)} nats`;
    });
  }

  const mark = (angle) => places.forEach(({ button }, i) => button.setAttribute("aria-pressed", String(angles[i] === angle)));
  const row = element("div", { class: "turned-row", role: "group", "aria-label": "The input at every angle" }, ...places.map(({ button }) => button));
  return { element: row, set, mark };
}
