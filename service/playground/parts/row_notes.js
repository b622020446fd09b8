// What an answer says of its row: values beyond those of training, categories that training never had, columns not used.

import { element } from "./dom.js";

const NOTES = [
  ["outside", "Far beyond what training saw"],
  ["unknown", "Never seen in training, so that there is no answer"],
];

/** What each kind of evidence against a row means; `outside` and `unknown` have notes of their own. */
const ALARMS = {
  mutual_information: "the drawn models disagree",
  epistemic_variance: "the drawn models disagree",
  predictive_entropy: "no answer stands out",
  total_variance: "the outcome could be almost anything",
  energy: "it looks like no class",
  mahalanobis: "its features are unlike those of training",
  neighbour: "no training row has features like it",
  input_neighbour: "no training row looks like it",
  max_error: "it is too unsure for the error asked for",
  max_loss: "it is too unsure for the error asked for",
};

/** Return whether a row has an answer: not so one with a category that training never had. */
export function isAnswered(answer, row) {
  return !answer.unknown?.[row]?.length;
}

/** List the remarks of an answer on one of its rows; the list is hidden if there is none. */
export function noteRow(list, answer, row) {
  const told = NOTES.map(([field, text]) => [text, answer[field]?.[row] ?? []]);
  const ignored = answer.ignored ?? [];
  const alarms = (answer.alarms?.[row] ?? []).filter((name) => name in ALARMS);
  const against = [...new Set(alarms.map((name) => ALARMS[name]))];
  const notes = [["Why it abstains", against], ...told, ["Not used by the model", ignored]].filter(([, names]) => names.length);
  list.replaceChildren(...notes.map(([text, names]) => element("li", {}, `${text}: ${names.join(", ")}.`)));
  list.hidden = !notes.length;
}
