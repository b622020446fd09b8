// Entropy as one bar of two parts: aleatoric (the data leave it open) and epistemic (the model does not know).

import { element } from "./dom.js";

const TERMS = { total: "entropy", aleatoric: "aleatoric part", epistemic: "epistemic part" };

/**
 * @param {number} most Largest entropy in nats: the whole bar.
 * @returns {{element: HTMLElement, set: (nats: {total: number, aleatoric: number, epistemic: number | null}) => void}}
 */
export function entropySplit(most) {
  const numbers = Object.fromEntries(Object.keys(TERMS).map((name) => [name, element("dd", {})]));
  const parts = ["aleatoric", "epistemic"].map((name) => element("span", { class: `entropy-${name}` }));
  const list = Object.entries(TERMS).map(([name, term]) =>
    element("div", { class: `entropy-line ${name}` }, element("dt", {}, term), numbers[name]),
  );
  function set(nats) {
    for (const [name, output] of Object.entries(numbers)) {
      output.textContent = nats[name] === null ? "unknown with one draw" : `${nats[name].toFixed(3)} nats`;
    }
    parts[0].style.width = `${(100 * (nats.aleatoric ?? 0)) / most}%`;
    parts[1].style.width = `${(100 * (nats.epistemic ?? 0)) / most}%`;
  }
  const split = element("div", { class: "entropy-split", "aria-hidden": "true" }, ...parts);
  return { element: element("div", { class: "pixel-entropy" }, element("dl", {}, ...list), split), set };
}
