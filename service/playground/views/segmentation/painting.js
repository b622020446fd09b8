// Answers of a segmentation on canvases: the most probable class of every pixel, and its entropy.

import { classColours, components } from "../../parts/class_colours.js";
import { element } from "../../parts/dom.js";
import { ends, paintHeat, paintPixels } from "../../parts/heat.js";

/** Return the place of the most probable class of every pixel. */
export function winnersOf({ mean, label, classes }) {
  if (mean) return mean[0].map((row) => row.map(largest));
  const places = new Map(classes.map((name, i) => [name, i]));
  return label[0].map((row) => row.map((name) => places.get(name)));
}

/** Paint the most probable classes, and list them with their share of the picture. */
export function paintLabels(canvas, legend, winners, classes) {
  const colours = classColours(classes.length);
  const paints = colours.map(components);
  paintPixels(canvas, winners.length, winners[0].length, (y, x) => paints[winners[y][x]]);
  const all = winners.flat();
  const items = classes.map((name, i) =>
    legendItem(name, colours[i], all.filter((one) => one === i).length / all.length),
  );
  legend.replaceChildren(...items.filter(Boolean));
}

function legendItem(name, colour, share) {
  if (!share) return null;
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.background = colour;
  const text = element("span", {}, name, " ", element("small", {}, `${(100 * share).toFixed(1)} %`));
  return element("li", {}, swatch, text);
}

/**
 * Paint the entropy or a part of it, all on one scale, so that the parts can be compared by eye.
 *
 * @returns {number} End of the scale: the largest entropy in the picture, in nats.
 */
export function paintEntropy(canvas, answer, part) {
  const [whole] = answer.predictive_entropy;
  const most = ends(whole)[1];
  paintHeat(canvas, answer[part]?.[0] ?? whole.map((row) => row.map(() => 0)), 0, most);
  return most;
}

function largest(values) {
  return values.indexOf(Math.max(...values));
}
