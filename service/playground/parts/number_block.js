// What is said of one target of a regression: its value, and the two kinds of doubt, in its unit.

import { element } from "./dom.js";
import { nameAndUnit, term, written } from "./words.js";

/** Return a function that writes a number in the unit of a target. */
export function inUnit(target) {
  const { unit } = nameAndUnit(target);
  return (number) => `${written(number)} ${unit}`.trim();
}

/**
 * @param {string} target Name of the target, with its unit.
 * @param {string} said Its value.
 * @param {{aleatoric: number | null, epistemic: number | null}} variances
 * @param {HTMLElement[]} more Below the value.
 */
export function numberBlock(target, said, { aleatoric, epistemic }, more = []) {
  const value = inUnit(target);
  const deviation = (variance, none) => (variance === null ? none : `± ${value(Math.sqrt(variance))}`);
  const doubts = element(
    "dl",
    {},
    line("aleatoric", deviation(aleatoric, "unknown")),
    line("epistemic", deviation(epistemic, "unknown with one draw")),
  );
  const title = element("h3", {}, nameAndUnit(target).name);
  return element("section", { class: "number-block" }, title, element("p", { class: "number-value" }, said), ...more, doubts);
}

function line(name, said) {
  return element("div", { class: `entropy-line ${name}` }, element("dt", {}, term(name)), element("dd", {}, said));
}
