// A row of a table by the names of its columns, and rows of the data to start from.

import { element } from "../../parts/dom.js";
import { field } from "./field.js";

/**
 * @param {object} table Raw columns of the model.
 * @param {object[]} records Rows of the data, the first of which is shown.
 * @param {() => void} changed
 * @returns {{element: HTMLElement, record: () => object | null, blame: (errors: {pointer: string, detail: string}[]) => void}}
 *   `record` is `null` while a field cannot be sent; `blame` shows each fault of a refusal at its field.
 */
export function rowForm(table, records, changed) {
  const fields = Object.fromEntries(table.columns.map((column) => [column.name, field(column, changed)]));
  const choice = element(
    "select",
    {},
    ...records.map((_, place) => element("option", { value: place }, `example ${place + 1}`)),
  );
  choice.addEventListener("change", () => {
    set(records[Number(choice.value)]);
    changed();
  });
  set(records[0]);

  function set(record) {
    for (const [name, one] of Object.entries(fields)) one.set(record[name] ?? null);
  }

  function record() {
    const entries = Object.entries(fields).map(([name, one]) => [name, one.value()]);
    return entries.some(([, value]) => value === undefined) ? null : Object.fromEntries(entries);
  }

  function blame(errors) {
    for (const { pointer, detail } of errors) {
      const name = pointer.split("/").at(-1).replaceAll("~1", "/").replaceAll("~0", "~");
      fields[name]?.blame(detail);
    }
  }

  const start = element("label", { class: "choice" }, element("span", {}, "Start from"), choice);
  const grid = element("div", { class: "fields" }, ...Object.values(fields).map((one) => one.element));
  return { element: element("div", { class: "row-form" }, start, grid, ...leftOut(table)), record, blame };
}

/** Return the columns of the training file that the model does not use, with the reasons. */
function leftOut({ left_out: columns = [] }) {
  if (!columns.length) return [];
  const items = columns.map(({ name, reason }) => element("li", {}, `${name}: ${reason}`));
  return [element("details", { class: "left-out" }, element("summary", {}, `Not used: ${columns.length} of the file's columns`), element("ul", {}, ...items))];
}
