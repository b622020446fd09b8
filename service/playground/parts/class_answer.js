// What a classifier says of one row: in words, as bars with the spread of the draws, and its uncertainty in two parts.

import { classSpread } from "./class_spread.js";
import { element } from "./dom.js";
import { entropySplit } from "./entropy_split.js";
import { isAnswered, noteRow } from "./row_notes.js";
import { classVerdict } from "./words.js";

/**
 * @param {string[]} classes
 * @returns {{element: HTMLElement, set: (answer: object, row: number) => void}} `set` shows one row of an answer.
 */
export function classAnswer(classes) {
  const spread = classSpread(classes);
  const entropy = entropySplit(Math.log(classes.length));
  const verdict = element("p", { class: "decision", role: "status" });
  const notes = element("ul", { class: "row-notes" });
  const figures = element(
    "div",
    { class: "class-figures" },
    spread.element,
    element("p", { class: "meaning" }, "Bars: probability, as the mean of the draws. Ticks: single draws. Where they lie apart, the model does not know."),
    entropy.element,
  );

  function set(answer, row) {
    const at = (name) => answer[name]?.[row] ?? null;
    const shares = isAnswered(answer, row) ? at("mean") : null;
    noteRow(notes, answer, row);
    figures.hidden = shares === null;
    verdict.textContent = shares ? classVerdict(classes, shares, at("decision")) : "No answer; ask a person.";
    verdict.classList.toggle("abstains", at("decision") === "abstain");
    if (!shares) return;
    spread.set(shares, answer.draws?.map((draw) => draw[row]) ?? null);
    entropy.set({ total: at("predictive_entropy"), aleatoric: at("expected_entropy"), epistemic: at("mutual_information") });
  }

  return { element: element("div", { class: "class-answer" }, verdict, notes, figures), set };
}
