// A regression's answer for every pixel on three canvases: mean, aleatoric and epistemic deviation, each on its own scale.

import { element } from "../../parts/dom.js";
import { ends, paintHeat, scaleBar } from "../../parts/heat.js";
import { nameAndUnit } from "../../parts/words.js";

const NO_DRAWS = "unknown with one draw";
const DEVIATIONS = { aleatoric_variance: "unknown", epistemic_variance: NO_DRAWS };

/**
 * @param {HTMLCanvasElement[]} canvases
 * @returns {{legends: HTMLElement[], paint: (answer: object, place: number, target: string) => void}} A legend for each
 *   canvas; `place` is that of the target among the others.
 */
export function mapPainter([mean, ...deviations]) {
  const legends = [mean, ...deviations].map(() => legendOf());

  function paint(answer, place, target) {
    const { unit } = nameAndUnit(target);
    const of = (values) => values[0].map((row) => row.map((pixel) => pixel[place]));
    const means = of(answer.mean);
    const [low, high] = ends(means);
    paintHeat(mean, means, low, high);
    legends[0].set(low, high, unit);
    Object.entries(DEVIATIONS).forEach(([name, none], i) => {
      const known = answer[name] !== null;
      const values = known ? of(answer[name]).map((row) => row.map(Math.sqrt)) : means.map((row) => row.map(() => 0));
      const most = ends(values)[1];
      paintHeat(deviations[i], values, 0, most);
      if (known) legends[i + 1].set(0, most, unit);
      else legends[i + 1].say(none);
    });
  }
  return { legends: legends.map((one) => one.element), paint };
}

/** A scale, or words in its place. */
function legendOf() {
  const bar = scaleBar();
  const words = element("p", { class: "meaning" });
  const show = (scale) => ([bar.element.hidden, words.hidden] = [!scale, scale]);
  return {
    element: element("div", {}, bar.element, words),
    set(...scale) {
      bar.set(...scale);
      show(true);
    },
    say(text) {
      words.textContent = text;
      show(false);
    },
  };
}
