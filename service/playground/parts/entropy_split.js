// Entropy as one bar of two parts: aleatoric (noise in the data) and epistemic (the model does not know).

import { element } from "./dom.js";
import { term } from "./words.js";

const TECHNICAL = { total: "entropy", aleatoric: "aleatoric", epistemic: "epistemic" };

/**
 * @param {number} most Largest entropy in nats: the whole bar.
 * @returns {{element: HTMLElement, set: (nats: {total: number, aleatoric: number, epistemic: number | null}) => void}}
 */
export function entropySplit(most) {
  const numbers = Object.fromEntries(Object.keys(TECHNICAL).map((name) => [name, element("dd", {})]));
  const parts = ["aleatoric", "epistemic"].map((name) => element("span", { class: `entropy-${name}` }));
  const list = Object.entries(TECHNICAL).map(([name, technical]) =>
    element("div", { class: `entropy-line ${name}` }, element("dt", {}, term(name, technical)), numbers[name]),
  );
  function set(nats) {
    for (const [name, output] of Object.entries(numbers)) {
      output.textContent = nats[name] === null ? "unknown with one draw" : `${nats[name].toFixed(3)} nats`;
    }
    parts[0].style.width = `${(100 * (nats.aleatoric ?? 0)) / most}%`;
    parts[1].style.width = `${(100 * (nats.epistemic ?? 0)) / most}%`;
  }
  const split = element("div", { class: "entropy-split", "aria-hidden": "true" }, ...parts);
  const title = element("h3", {}, "How unsure it is");
  const scale = element("p", { class: "meaning" }, `From 0 nats, sure, to ${most.toFixed(2)} nats, a guess among all classes.`);
  return { element: element("div", { class: "pixel-entropy" }, title, element("dl", {}, ...list), split, scale), set };
}
