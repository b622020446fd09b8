// A seed that can be typed, drawn anew and copied.

import { element } from "./dom.js";

const LIMIT = 2 ** 32;

/** Return a random seed with few enough digits to be read out. */
export function freshSeed() {
  return Math.floor(Math.random() * 1e6);
}

/**
 * @param {string} label
 * @param {number} seed Initial seed.
 * @param {(seed: number) => void} changed
 * @param {string} anew Text of the button that draws another seed.
 * @returns {{element: HTMLElement, set: (seed: number) => void}}
 */
export function seedField(label, seed, changed, anew = "New") {
  const input = element("input", {
    type: "number",
    min: 0,
    max: LIMIT - 1,
    step: 1,
    value: seed,
    inputmode: "numeric",
  });
  const fresh = element(
    "button",
    { type: "button", class: "quiet", "aria-label": `${label}: ${anew.toLowerCase()}` },
    anew,
  );
  input.addEventListener("input", () => input.checkValidity() && input.value !== "" && changed(input.valueAsNumber));
  fresh.addEventListener("click", () => {
    input.value = freshSeed();
    changed(input.valueAsNumber);
  });
  const frame = element("div", { class: "seed-field" }, element("label", {}, element("span", {}, label), input), fresh);
  return { element: frame, set: (next) => (input.value = next) };
}

/** Return a button that shows a seed and copies it. */
export function copySeed(seed) {
  const button = element("button", { type: "button", class: "seed", "aria-label": `Copy seed ${seed}` }, String(seed));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(String(seed));
    button.textContent = "copied";
    setTimeout(() => (button.textContent = String(seed)), 900);
  });
  return button;
}
