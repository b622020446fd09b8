// What an answer says of its row: values beyond those of training, categories that training never had, columns not used.

import { element } from "./dom.js";

const NOTES = [
  ["outside", "Far beyond what training saw"],
  ["unknown", "Never seen in training, so that there is no answer"],
];

/** Return whether a row has an answer: not so one with a category that training never had. */
export function isAnswered(answer, row) {
  return !answer.unknown?.[row]?.length;
}

/** List the remarks of an answer on one of its rows; the list is hidden if there is none. */
export function noteRow(list, answer, row) {
  const told = NOTES.map(([field, text]) => [text, answer[field]?.[row] ?? []]);
  const ignored = answer.ignored ?? [];
  const notes = [...told, ["Not used by the model", ignored]].filter(([, names]) => names.length);
  list.replaceChildren(...notes.map(([text, names]) => element("li", {}, `${text}: ${names.join(", ")}.`)));
  list.hidden = !notes.length;
}
