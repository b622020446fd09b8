// A slider with its name and value beside it.

import { element } from "./dom.js";

/**
 * @param {string} label
 * @param {{min: number, max: number, step: number, value: number}} range
 * @param {(value: number) => string} shown
 * @param {(value: number) => void} changed
 * @returns {{element: HTMLElement, value: () => number, set: (value: number) => void}} `set` does not call `changed`.
 */
export function slider(label, range, shown, changed) {
  const output = element("output", {}, shown(range.value));
  const input = element("input", { type: "range", ...range });
  input.addEventListener("input", () => {
    output.textContent = shown(input.valueAsNumber);
    changed(input.valueAsNumber);
  });
  return {
    element: element("label", { class: "draws" }, element("span", {}, label), input, output),
    value: () => input.valueAsNumber,
    set(value) {
      input.value = value;
      output.textContent = shown(input.valueAsNumber);
    },
  };
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

export function degrees(angle) {
  return `${angle}°`;
}
