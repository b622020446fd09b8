// The figures of a stream of outcomes, and what they mean in a sentence.

import { element } from "../../parts/dom.js";
import { inPercent, written } from "../../parts/words.js";

/** Return the sentence on a stream's coverage, which stands out while there is an alarm. */
export function verdict({ level, coverage, rows, alarm, alarm_at: since, coverage_low: low }) {
  if (level === null) return element("p", { class: "decision" }, `${rows} outcomes of answers that had no set or interval.`);
  const so = `${inPercent(coverage)} of ${rows.toLocaleString("en")} outcomes were in their set; ${100 * level} % was asked for.`;
  if (alarm) {
    const text = `Too few, since outcome ${since.toLocaleString("en")}: this is no chance. ${so} Look at the inputs, and calibrate anew.`;
    return element("p", { class: "decision abstains" }, text);
  }
  const end = low > level ? "More than asked for: the sets are larger than they need be." : "Nothing speaks against that.";
  return element("p", { class: "decision" }, `${so} ${end}`);
}

/** Return the list of a stream's figures, each with its technical name. */
export function figures(stream, { isRegression, unit }) {
  const { coverage, coverage_low: low, coverage_high: high, error, nll, brier, square, ece, evidence } = stream;
  const entries = [
    ["in the set", "coverage, with its band", coverage === null ? null : `${percent(coverage)} (${percent(low)} to ${percent(high)})`],
    [isRegression ? `error${unit ? ` in ${unit}` : ""}` : "wrong", isRegression ? "mean absolute error" : "error rate", isRegression ? written(error) : percent(error)],
    ["surprise by what came true", "negative log-likelihood, nats", number(nll)],
    ["squared error of the probabilities", "Brier", number(brier)],
    ["confidence off by", "ECE", ece === null ? null : percent(ece)],
    ["squared error over its prediction", "1 is right", number(square)],
    ["evidence of too few", "powers of ten; alarm from 2", number(evidence)],
  ];
  const shown = entries.filter(([, , value]) => value !== null);
  const items = shown.flatMap(([name, technical, value]) => [
    element("dt", {}, name, " ", element("small", { class: "technical" }, technical)),
    element("dd", {}, value),
  ]);
  return element("dl", { class: "outcome-figures" }, ...items);
}

/** Return a share in percent with one digit after the point. */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function number(value) {
  return value === null ? null : written(value);
}
