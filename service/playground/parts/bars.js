// Shares as horizontal bars, each with a name and a number.

import { element } from "./dom.js";

/**
 * @param {string[]} names
 * @returns {{element: HTMLElement, set: (values: number[]) => void}} Values from 0 to 1.
 */
export function shareBars(names) {
  const rows = names.map((name) => {
    const bar = element("span", { class: "share-fill" });
    const number = element("span", { class: "share-number" });
    const track = element("span", { class: "share-track", "aria-hidden": "true" }, bar);
    return { bar, number, element: element("li", {}, element("span", { class: "share-name" }, name), track, number) };
  });
  function set(values) {
    const largest = values.indexOf(Math.max(...values));
    rows.forEach((row, i) => {
      row.bar.style.width = `${100 * values[i]}%`;
      row.number.textContent = values[i].toFixed(3);
      row.element.classList.toggle("largest", i === largest);
    });
  }
  return { element: element("ul", { class: "shares" }, ...rows.map((row) => row.element)), set };
}
