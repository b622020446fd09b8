// Words that need no course, each with the name that the answers and the documentation use.

import { element } from "./dom.js";

/** Share from which the page calls an answer sure; below it, it names the runner-up too. */
const SURE = 0.9;

const TERMS = {
  total: ["in all", "total"],
  aleatoric: ["noise in the data", "aleatoric"],
  epistemic: ["what the model does not know", "epistemic"],
  mean: ["prediction", "mean"],
};

export const ASK_A_PERSON = "It has seen too little like this; ask a person.";
const NO_THRESHOLD = "No threshold was fitted that says when to ask a person.";

/** Return what a figure is, in plain words with its technical name beside. */
export function term(name, technical = TERMS[name][1]) {
  return element("span", {}, TERMS[name][0], " ", element("small", { class: "technical" }, technical));
}

/** Return a share in percent, and never "100 %" for one that is not. */
export function inPercent(share) {
  const percent = Math.round(100 * share);
  if (percent === 100 && share < 1) return "over 99 %";
  return percent === 0 && share > 0 ? "under 1 %" : `${percent} %`;
}

/** Return a number as people write it, in four digits. */
export function written(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
}

/**
 * Say what a classifier's answer is worth.
 *
 * @param {string[]} classes
 * @param {number[]} shares Probability of each class.
 * @param {"accept" | "abstain" | null} decision
 */
export function classVerdict(classes, shares, decision) {
  const [first, second] = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const named = (i) => `${classes[i]} (${inPercent(shares[i])})`;
  if (decision === "abstain") return `${ASK_A_PERSON} Its guess: ${named(first)}.`;
  if (decision === null) return `Its answer: ${named(first)}. ${NO_THRESHOLD}`;
  if (shares[first] >= SURE || second === undefined) return `The model is sure: ${named(first)}.`;
  return `The model knows such inputs, but cannot tell: ${named(first)} or ${named(second)}.`;
}

/** Say what a number that a model predicts is worth. */
export function numberVerdict(decision) {
  if (decision === "abstain") return ASK_A_PERSON;
  return decision === null ? NO_THRESHOLD : "The model has seen enough like this to answer.";
}

/** Return the name and the unit of a column or target such as `price [EUR]`. */
export function nameAndUnit(title) {
  const [, name, unit] = title.match(/^(.*\S)\s*\[([^\]]*)\]$/) ?? [null, title, ""];
  return { name, unit };
}
