// What a regression says of one row, target by target: prediction, interval and the two kinds of doubt, with units.

import { element } from "../../parts/dom.js";
import { inUnit, numberBlock } from "../../parts/number_block.js";
import { isAnswered, noteRow } from "../../parts/row_notes.js";
import { numberVerdict } from "../../parts/words.js";

/**
 * @param {string[]} targets Names of the targets, with units.
 * @returns {{element: HTMLElement, set: (answer: object, row: number) => void}} `set` shows one row of an answer.
 */
export function numberAnswer(targets) {
  const verdict = element("p", { class: "decision", role: "status" });
  const notes = element("ul", { class: "row-notes" });
  const blocks = element("div", { class: "number-answers" });

  function set(answer, row) {
    const decision = answer.decision?.[row] ?? null;
    const known = isAnswered(answer, row);
    noteRow(notes, answer, row);
    verdict.textContent = known ? numberVerdict(decision) : "No answer; ask a person.";
    verdict.classList.toggle("abstains", decision === "abstain");
    blocks.replaceChildren(...(known ? targets.map((target, i) => block(target, (name) => answer[name]?.[row]?.[i] ?? null, ends(answer, row, i))) : []));
  }
  return { element: element("div", { class: "number-answer" }, verdict, notes, blocks), set };
}

function ends({ interval, interval_method: method }, row, i) {
  return interval ? { ...interval, low: interval.lower[row][i], high: interval.upper[row][i], method } : null;
}

function block(target, at, interval) {
  const value = inUnit(target);
  const variances = { aleatoric: at("aleatoric_variance"), epistemic: at("epistemic_variance") };
  return numberBlock(target, value(at("mean")), variances, interval ? [between(interval, value)] : []);
}

function between({ level, low, high, method }, value) {
  const tenths = Math.round(10 * level);
  const whose = method.startsWith("conformal") ? `${tenths} of 10 such outcomes lie` : `The model expects ${tenths} of 10 outcomes`;
  const technical = element("small", { class: "technical" }, `${Math.round(100 * level)} % interval, ${method}`);
  return element("p", { class: "between" }, `${whose} between ${value(low)} and ${value(high)} `, technical);
}
