// A row of a table, with a slider for each column, and rows of real data to start from.

import { element } from "./dom.js";
import { slider } from "./slider.js";

const REACH = 4;

/** Return the range of a column that is worth looking at, `[low, high]`: well beyond the data, as far as it is allowed. */
export function columnRange(inputs, column, rows) {
  const [low, high] = beyond(inputs, column, rows);
  return [Math.max(low, inputs.low ?? -Infinity), Math.min(high, inputs.high ?? Infinity)];
}

function beyond(inputs, column, rows) {
  const values = rows.map((row) => row[column]);
  const reach = REACH * inputs.scale[column];
  if (!values.length) return [inputs.mean[column] - reach, inputs.mean[column] + reach];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.6 * (high - low || reach);
  return [low - margin, high + margin];
}

/** Return a number with enough digits to tell it from its neighbours on a slider. */
export function short(value) {
  return String(Number(value.toPrecision(4)));
}

/**
 * @param {object} inputs Input specification of the model.
 * @param {number[][]} rows Rows of real data.
 * @param {(row: number[]) => void} changed
 * @returns {{element: HTMLElement, row: () => number[]}}
 */
export function tableInputs(inputs, rows, changed) {
  const tell = () => changed(columns.map((one) => one.value()));
  const columns = inputs.mean.map((mean, column) => {
    const [min, max] = columnRange(inputs, column, rows);
    const step = 10 ** (Math.floor(Math.log10(max - min)) - 3);
    return slider(inputs.names[column] || `column ${column + 1}`, { min, max, step, value: mean }, short, tell);
  });
  const choice = element(
    "select",
    { "aria-label": "Row of the data" },
    element("option", { value: "" }, "the mean of the data"),
    ...rows.map((_, place) => element("option", { value: place }, `held-out row ${place + 1}`)),
  );
  choice.addEventListener("change", () => {
    const row = choice.value === "" ? inputs.mean : rows[Number(choice.value)];
    columns.forEach((one, i) => one.set(row[i]));
    tell();
  });
  const start = element("label", { class: "row-choice" }, element("span", {}, "Start from"), choice);
  const list = element("div", { class: "table-inputs" }, start, ...columns.map((one) => one.element));
  return { element: list, row: () => columns.map((one) => one.value()) };
}
