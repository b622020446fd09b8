// Records as a table, to look at: a row for each step of a sequence.

import { element } from "./dom.js";

/** @returns {{element: HTMLElement, show: (records: object[]) => void}} */
export function recordTable() {
  const table = element("table", {});
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The sequence" }, table);
  const note = element("p", { class: "meaning" }, "A sequence of your own goes to POST /predict as a list of such records.");
  const frame = element("details", { class: "records" }, element("summary", {}, "What is in the sequence"), scroll, note);

  function show(records) {
    const names = Object.keys(records[0]);
    const head = names.map((name) => element("th", { scope: "col" }, name));
    const rows = records.map((record) => element("tr", {}, ...names.map((name) => element("td", {}, String(record[name] ?? "missing")))));
    table.replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  }
  return { element: frame, show };
}
