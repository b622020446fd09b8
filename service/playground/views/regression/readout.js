// Read-out of a curve at one point, and a slider that moves the point for those without a mouse.

import { element } from "../../parts/dom.js";
import { short } from "../../parts/table_inputs.js";
import { numberVerdict, term } from "../../parts/words.js";

const TECHNICAL = { mean: "mean", aleatoric: "aleatoric deviation", epistemic: "epistemic deviation", total: "total deviation" };

/** @param {(place: number) => void} moved */
export function readout(moved) {
  const input = element("input", { type: "range", min: 0, max: 0, step: 1, value: 0 });
  input.addEventListener("input", () => moved(input.valueAsNumber));
  const place = element("p", { class: "pixel-place" });
  const numbers = Object.fromEntries(Object.keys(TECHNICAL).map((name) => [name, element("dd", {})]));
  const list = Object.entries(TECHNICAL).map(([name, technical]) =>
    element("div", { class: `entropy-line ${name}` }, element("dt", {}, term(name, technical)), numbers[name]),
  );
  const decision = element("p", { class: "decision", role: "status" });

  function set(at, said) {
    input.value = at;
    place.textContent = said.place;
    const deviation = (variance) => (variance === null ? "unknown" : short(Math.sqrt(variance)));
    numbers.mean.textContent = short(said.mean);
    numbers.aleatoric.textContent = deviation(said.aleatoric);
    numbers.epistemic.textContent = deviation(said.epistemic);
    numbers.total.textContent = deviation((said.aleatoric ?? 0) + (said.epistemic ?? 0));
    decision.textContent = numberVerdict(said.decision);
    decision.classList.toggle("abstains", said.decision === "abstain");
    input.setAttribute("aria-valuetext", `${place.textContent}, prediction ${numbers.mean.textContent}`);
  }

  return {
    element: element("div", { class: "readout" }, place, element("dl", {}, ...list), decision),
    slider: element("label", { class: "draws pointer" }, element("span", {}, "Read at"), input),
    range: (count) => (input.max = count - 1),
    set,
  };
}
