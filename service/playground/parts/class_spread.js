// Probabilities of classes as bars, with a tick for every draw: ticks that lie apart show that the model does not know.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string[]} names
 * @returns {{element: HTMLElement, set: (means: number[], draws: number[][] | null) => void}} One row of `draws` a draw.
 */
export function classSpread(names) {
  const rows = names.map((name) => {
    const fill = element("span", { class: "share-fill" });
    const ticks = document.createElementNS(SVG, "path");
    const spread = document.createElementNS(SVG, "svg");
    spread.setAttribute("viewBox", "0 0 1 1");
    spread.setAttribute("preserveAspectRatio", "none");
    spread.setAttribute("class", "spread");
    spread.append(ticks);
    const number = element("span", { class: "share-number" });
    const track = element("span", { class: "share-track tall", "aria-hidden": "true" }, fill, spread);
    return { fill, ticks, number, element: element("li", {}, element("span", { class: "share-name" }, name), track, number) };
  });
  function set(means, draws) {
    const largest = means.indexOf(Math.max(...means));
    rows.forEach((row, i) => {
      row.fill.style.width = `${100 * means[i]}%`;
      row.ticks.setAttribute("d", (draws ?? []).map((draw) => `M${draw[i].toFixed(4)} 0V1`).join(""));
      row.number.textContent = means[i].toFixed(3);
      row.element.classList.toggle("largest", i === largest);
    });
  }
  return { element: element("ul", { class: "shares" }, ...rows.map((row) => row.element)), set };
}
