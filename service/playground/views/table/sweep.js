// The answer over one column of numbers or dates, with the others held as they are in the form.

import { element } from "../../parts/dom.js";
import { readDate, writeDate } from "./date_format.js";

const STEPS = 80;
const BEYOND = 0.6;
const SECONDS_A_DAY = 86_400;

/**
 * @param {object} table Raw columns of the model.
 * @param {() => void} changed
 * @returns {{element: HTMLElement, any: boolean, records: (record: object) => object[], axis: () => object}} `any` is
 *   `false` if no column can be swept; `axis` has `x`, `low`, `high`, `title`, `seen`, `at(record)` and, for dates, `say(x)`.
 */
export function sweep(table, changed) {
  const columns = table.columns.filter(({ kind, low, high }) => kind !== "category" && low !== null && high !== null);
  const choice = element("select", {}, ...columns.map(({ name }, i) => element("option", { value: i }, name)));
  choice.addEventListener("change", changed);
  const chosen = () => columns[Number(choice.value)];

  /** Return the axis from well below the observed range to well above it. */
  function axis() {
    const { name, unit, kind, low, high } = chosen();
    const margin = BEYOND * (high - low || Math.abs(high) || 1);
    const from = kind === "number" && low >= 0 ? Math.max(0, low - margin) : low - margin; // a size has no side below 0
    const to = high + margin;
    const x = Array.from({ length: STEPS }, (_, i) => from + ((to - from) * i) / (STEPS - 1));
    const dated = kind === "date" && { say: (value) => writeDate(value, "", false) };
    return { x, low: from, high: to, title: unit && !name.includes(unit) ? `${name} [${unit}]` : name, seen: [low, high], at, ...dated };
  }

  /** Return the place of a record on the axis, `null` if its value is missing. */
  function at(record) {
    const { name, kind, date_format: format = "" } = chosen();
    if (record[name] === null) return null;
    return kind === "date" ? readDate(record[name], format) : record[name];
  }

  function records(record) {
    const { name, kind, date_format: format = "" } = chosen();
    const value = (x) => (kind === "date" ? writeDate(SECONDS_A_DAY * Math.round(x / SECONDS_A_DAY), format, false) : Number(x.toPrecision(7)));
    return axis().x.map((x) => ({ ...record, [name]: value(x) }));
  }

  const label = element("label", { class: "choice" }, element("span", {}, "Over"), choice);
  return { element: label, any: columns.length > 0, records, axis };
}
