// Predictions of an input turned to every angle: entropy in two parts, and the most probable classes.

import { classColours } from "../../parts/class_colours.js";
import { element } from "../../parts/dom.js";
import { key, plot } from "../../parts/plot.js";
import { latest } from "../../parts/schedule.js";

const ANGLES = Array.from({ length: 37 }, (_, i) => 10 * i - 180);
const SHOWN = 3;
const OUTPUTS = "mean,predictive_entropy,expected_entropy";

/**
 * @param {object} model Entry of the catalogue.
 * @param {(message: string) => void} failed
 * @param {() => boolean} closed
 */
export function turnCurve(model, failed, closed) {
  const entropies = plot({ label: "Entropy over the angle, its aleatoric and its epistemic part", height: 220 });
  const classes = plot({ label: "Probability of the most probable classes over the angle", height: 220 });
  const colours = classColours(model.classes.length + 1).slice(1);
  const names = element("ul", { class: "legend" });
  let last = null;
  let settings = null;

  /** Move the marks at once, and draw the curves again if more than the angle has changed. */
  function follow(source, predict, asked) {
    if (source.state() !== last || asked !== settings) {
      [last, settings] = [source.state(), asked];
      refresh(source, predict);
    }
    [entropies, classes].forEach((one) => one.mark(source.angle()));
  }

  const refresh = latest(async (source, predict) => {
    try {
      const { data } = await predict(ANGLES.map(source.turned), { outputs: OUTPUTS });
      if (!closed()) paint(data);
    } catch (error) {
      failed(error.message);
    }
  });

  function paint(answer) {
    const x = { low: -180, high: 180, title: "rotation, degrees" };
    const none = ANGLES.map(() => 0);
    const parts = answer.expected_entropy ?? none;
    entropies.set({
      x,
      y: { low: 0, high: Math.log(model.classes.length), title: "entropy, nats" },
      layers: [
        { name: "band-epistemic", band: { x: ANGLES, low: parts, high: answer.predictive_entropy } },
        { name: "band-aleatoric", band: { x: ANGLES, low: none, high: parts } },
        { name: "line-total", line: { x: ANGLES, y: answer.predictive_entropy } },
      ],
    });
    const peak = model.classes.map((_, i) => Math.max(...answer.mean.map((row) => row[i])));
    const chosen = [...peak.keys()].sort((a, b) => peak[b] - peak[a]).slice(0, SHOWN);
    classes.set({
      x,
      y: { low: 0, high: 1, title: "probability" },
      layers: chosen.map((i) => ({ name: `line-class of-${i}`, line: { x: ANGLES, y: answer.mean.map((row) => row[i]) } })),
    });
    for (const i of chosen) classes.element.querySelector(`.of-${i}`).style.stroke = colours[i];
    names.replaceChildren(
      ...chosen.map((i) => {
        const swatch = element("span", { class: "key" });
        swatch.style.background = colours[i];
        return element("li", {}, swatch, `class ${model.classes[i]}`);
      }),
    );
  }

  const meaning = { "band-aleatoric": "aleatoric: the data leave it open", "band-epistemic": "epistemic: the model does not know" };
  const frame = element(
    "section",
    { class: "card turn-curve", "aria-label": "Over the rotation" },
    element("h2", {}, "Over the rotation"),
    element("div", { class: "plots" }, element("div", {}, entropies.element, key(meaning)), element("div", {}, classes.element, names)),
  );
  return { element: frame, follow };
}
