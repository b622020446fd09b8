// How unsure a classifier is along an axis, in two parts, and the probabilities of the most probable classes.

import { lineColours } from "./class_colours.js";
import { element } from "./dom.js";
import { key, plot } from "./plot.js";
import { term } from "./words.js";

const HEIGHT = 220;
const SHOWN = 3;

/** Statistics that the curves are made of. */
export const CURVE_OUTPUTS = "mean,predictive_entropy,expected_entropy";

/**
 * @param {string[]} names Of the classes.
 * @param {string} axis What is varied, for those who cannot see.
 * @param {object} more Further entries of the legend.
 * @returns {{element: HTMLElement, set: (x: object, values: number[], answer: object) => void, mark: (x: number) => void}}
 *   `set` takes the axis as `plot` does, and its values, one for each row of the answer.
 */
export function doubtCurves(names, axis, more = {}) {
  const entropies = plot({ label: `How unsure the model is over ${axis}: noise in the data, and what it does not know`, height: HEIGHT });
  const classes = plot({ label: `Probability of the most probable classes over ${axis}`, height: HEIGHT });
  const legend = element("ul", { class: "legend" });

  function set(x, values, answer) {
    const none = values.map(() => 0);
    const parts = answer.expected_entropy ?? none;
    entropies.set({
      x,
      y: { low: 0, high: Math.log(names.length), title: "how unsure (entropy) [nats]" },
      layers: [
        { name: "band-epistemic", band: { x: values, low: parts, high: answer.predictive_entropy } },
        { name: "band-aleatoric", band: { x: values, low: none, high: parts } },
        { name: "line-total", line: { x: values, y: answer.predictive_entropy } },
      ],
    });
    const peak = names.map((_, i) => Math.max(...answer.mean.map((row) => row[i])));
    const chosen = [...peak.keys()].sort((a, b) => peak[b] - peak[a]).slice(0, SHOWN);
    const colours = lineColours(chosen);
    classes.set({
      x,
      y: { low: 0, high: 1, title: "probability" },
      layers: chosen.map((i, rank) => ({
        name: "line-class",
        colour: colours[rank],
        line: { x: values, y: answer.mean.map((row) => row[i]) },
      })),
    });
    legend.replaceChildren(...chosen.map((i, rank) => entry(colours[rank], names[i])));
  }

  const meaning = { "line-total": term("total"), "band-epistemic": term("epistemic"), "band-aleatoric": term("aleatoric"), ...more };
  const frame = element(
    "div",
    { class: "plots" },
    element("div", {}, entropies.element, key(meaning)),
    element("div", {}, classes.element, legend),
  );
  return { element: frame, set, mark: (x) => [entropies, classes].forEach((one) => one.mark(x)) };
}

function entry(colour, name) {
  const swatch = element("span", { class: "key line-class" });
  swatch.style.setProperty("--line-class", colour);
  return element("li", {}, swatch, `class ${name}`);
}
