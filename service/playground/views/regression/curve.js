// The mean over one input with its two bands, and a pointer that reads them off.

import { element } from "../../parts/dom.js";
import { key, plot } from "../../parts/plot.js";
import { term } from "../../parts/words.js";
import { readout } from "./readout.js";

const DEVIATIONS = 2;

/**
 * @param {string[]} targets Names of the targets, with units.
 * @param {string | null} data What the points are, for the legend; `null` if there are none.
 * @param {boolean} shaded Whether the range that training saw is shaded.
 * @returns {{element: HTMLElement, controls: HTMLElement[], reading: HTMLElement, set: (curve: object) => void}} `set`
 *   shows the values along an axis: `x`, `mean`, `aleatoric`, `epistemic`, `decision`, `draws`, as `axis.curve` has them,
 *   and of the axis itself `low`, `high`, `title` and `points(target)`; where they are needed, `say(x)`, `seen` and `whole`
 *   as in `plot`, `at`, the place to read off first, and `named`, the title of what is upwards.
 */
export function curvePlot(targets, data, shaded = false) {
  let curve = null;
  const chart = plot({ label: `${targets.join(", ")}: prediction, bands and data`, height: 380, moved: point });
  const reading = readout((place) => point(curve.x[place]));
  const target = element("select", {}, ...targets.map((name, i) => element("option", { value: i }, name)));
  target.addEventListener("change", paint);
  const draw = element("li", { hidden: true }, element("span", { class: "key line-draw" }), "single draws");

  function set(next) {
    curve = { ...next, at: next.at ?? curve?.at };
    draw.hidden = !curve.draws;
    paint();
  }

  /** Paint bands of two standard deviations: the inner is epistemic, the outer includes the noise of the data. */
  function paint() {
    const at = Number(target.value || 0);
    const column = (values) => values?.map((row) => row[at]) ?? curve.x.map(() => 0);
    const mean = column(curve.mean);
    const known = column(curve.epistemic);
    const total = column(curve.aleatoric).map((variance, i) => variance + known[i]);
    const around = (variances, side) => mean.map((value, i) => value + side * DEVIATIONS * Math.sqrt(variances[i]));
    const band = (variances) => ({ x: curve.x, low: around(variances, -1), high: around(variances, 1) });
    const outer = band(total);
    const points = curve.points(at);
    const all = [...outer.low, ...outer.high, ...points.y];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const margin = 0.04 * (high - low || 1);
    const layers = [
      { name: "band-aleatoric", band: outer },
      { name: "band-epistemic", band: band(known) },
      ...(curve.draws ? [{ name: "line-draw", lines: { x: curve.x, ys: curve.draws.map(column) } }] : []),
      { name: "line-mean", line: { x: curve.x, y: mean } },
      { name: "point-data", points },
    ];
    chart.set({
      x: { low: curve.low, high: curve.high, title: curve.title, say: curve.say, seen: curve.seen, whole: curve.whole },
      y: { low: low - margin, high: high + margin, title: curve.named ?? targets[at] },
      layers,
    });
    reading.range(curve.x.length);
    point(curve.at ?? curve.x[Math.floor(curve.x.length / 2)]);
  }

  /** Show the values of the curve at its point nearest to `x`. */
  function point(x) {
    if (!curve) return;
    const distance = curve.x.map((one) => Math.abs(one - x));
    const place = distance.indexOf(Math.min(...distance));
    const at = Number(target.value || 0);
    curve.at = curve.x[place];
    chart.mark(curve.at);
    reading.set(place, {
      place: `${curve.title} = ${curve.say?.(curve.at) ?? Number(curve.at.toPrecision(4))}`,
      mean: curve.mean[place][at],
      aleatoric: curve.aleatoric?.[place][at] ?? null,
      epistemic: curve.epistemic?.[place][at] ?? null,
      decision: curve.decision?.[place] ?? null,
    });
  }

  const legend = key({
    "line-mean": term("mean"),
    "band-epistemic": element("span", {}, term("epistemic"), " ± 2 deviations"),
    "band-aleatoric": element("span", {}, "with ", term("aleatoric")),
    ...(data && { "point-data": data }),
    ...(shaded && { seen: "what training saw" }),
  });
  legend.append(draw);
  return {
    element: element("div", { class: "curve" }, chart.element, legend, reading.slider),
    controls: targets.length > 1 ? [element("label", { class: "choice" }, element("span", {}, "Target"), target)] : [],
    reading: reading.element,
    set,
  };
}
