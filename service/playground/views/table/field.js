// One column of a table to fill in: its name and unit, an input of its kind, and what training saw beside it.

import { element } from "../../parts/dom.js";
import { written } from "../../parts/words.js";
import { knows, readDate, writeDate } from "./date_format.js";

const STEPS = 100;
const OTHER = "something else";

let made = 0;

/**
 * @param {object} column As `GET /models` has it: `name`, `kind`, `unit`, `categories`, `low`, `high`, `fill`...
 * @param {() => void} changed
 * @returns {{element: HTMLElement, value: () => any, set: (value: any) => void, blame: (detail: string) => void}} `value`
 *   is `null` if it is missing and `undefined` if it cannot be sent; `blame` shows what the service said of it.
 */
export function field(column, changed) {
  const id = `column-${(made += 1)}`;
  const hint = element("p", { class: "meaning", id: `${id}-hint` });
  const kind = { number: numberInput, category: categoryInput, date: dateInput }[column.kind](column);
  for (const [name, value] of Object.entries({ id, "aria-describedby": hint.id, "aria-invalid": "false" })) {
    kind.input.setAttribute(name, value);
  }
  kind.input.addEventListener("input", () => {
    tell();
    changed();
  });

  function tell(fault = problem()) {
    const beyond = !fault && kind.beyond();
    kind.input.setAttribute("aria-invalid", String(Boolean(fault)));
    frame.classList.toggle("beyond", beyond);
    frame.classList.toggle("at-fault", Boolean(fault));
    hint.textContent = fault || (beyond ? kind.strange : kind.seen);
  }

  function problem() {
    const value = kind.value();
    if (value === undefined) return `Not a ${column.kind}; ${kind.seen}`;
    if (value !== null) return "";
    return column.fill === null || column.fill === undefined ? `Needed by this model; ${kind.seen}` : "";
  }

  const unit = column.unit && !column.name.includes(column.unit) ? element("small", { class: "unit" }, column.unit) : "";
  const frame = element("div", { class: "field" }, element("label", { for: id }, column.name, " ", unit), kind.input, hint);
  tell();
  return {
    element: frame,
    value: () => (problem() ? undefined : kind.value()),
    set(value) {
      kind.set(value);
      tell();
    },
    blame: tell,
  };
}

/** Return what happens to a field that is left empty. */
function emptied({ fill, kind }) {
  if (fill === null || fill === undefined) return "";
  const said = kind === "number" ? written(fill) : fill;
  return `; may be empty: then ${said} is taken, and the model knows`;
}

function numberInput(column) {
  const { low, high } = column;
  const known = low !== null && low !== undefined;
  const seen = `${known ? `training saw ${written(low)} to ${written(high)}` : "any number"}${emptied(column)}`;
  const step = known && high > low ? 10 ** Math.floor(Math.log10((high - low) / STEPS)) : "any";
  const input = element("input", { type: "number", step, inputmode: "decimal" });
  return {
    input,
    seen,
    strange: `Beyond the data: ${seen}`,
    value: () => (input.validity.badInput ? undefined : input.value === "" ? null : input.valueAsNumber),
    set: (value) => (input.value = value ?? ""),
    beyond: () => known && (input.valueAsNumber < low || input.valueAsNumber > high),
  };
}

function categoryInput(column) {
  const other = column.categories.includes(OTHER) ? `${OTHER} than these` : OTHER;
  const options = column.categories.map((name) => element("option", { value: name }, name));
  const missing = column.fill === null || column.fill === undefined ? [] : [element("option", { value: "" }, "(missing)")];
  const input = element("select", {}, ...options, ...missing, element("option", { value: other }, other));
  return {
    input,
    seen: `one of ${column.categories.length} that training saw${emptied(column)}`,
    strange: "Never seen in training, so that no answer is computed",
    value: () => input.value || null,
    set: (value) => (input.value = value === null ? "" : column.categories.includes(String(value)) ? String(value) : other),
    beyond: () => input.value === other,
  };
}

function dateInput(column) {
  const { low, high, date_format: format = "", cycles = [] } = column;
  const withTime = cycles.includes("day");
  if (!knows(format)) return textInput(column);
  const input = element("input", { type: withTime ? "datetime-local" : "date", step: withTime ? 1 : null });
  const seconds = () => Date.parse(withTime ? `${input.value}Z` : input.value) / 1000;
  const known = low !== null && low !== undefined;
  const said = (value) => writeDate(value, "", withTime).replace("T", " ");
  const seen = `${known ? `training saw ${said(low)} to ${said(high)}` : "any date"}${emptied(column)}`;
  return {
    input,
    seen,
    strange: `Beyond the data: ${seen}`,
    value: () => (input.validity.badInput ? undefined : input.value === "" ? null : writeDate(seconds(), format, withTime)),
    set: (value) => (input.value = value === null ? "" : writeDate(readDate(String(value), format), "", withTime)),
    beyond: () => known && (seconds() < low || seconds() > high),
  };
}

/** Return an input for dates of a format that this page does not know. */
function textInput(column) {
  const input = element("input", { type: "text" });
  return {
    input,
    seen: `a date written as ${column.date_format}${emptied(column)}`,
    value: () => input.value.trim() || null,
    set: (value) => (input.value = value ?? ""),
    beyond: () => false,
  };
}
