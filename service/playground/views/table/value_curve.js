// A regression over one column: its curve, and the data's range to tell inside from outside.

import { element } from "../../parts/dom.js";
import { curvePlot } from "../regression/curve.js";

/** @param {string[]} targets Names of the targets, with units. */
export function valueCurve(targets) {
  const plotted = curvePlot(targets, null, true);
  const frame = element("div", { class: "value-curve" }, plotted.element, element("div", {}, ...plotted.controls, plotted.reading));
  return {
    element: frame,
    set: (axis, answer, record) =>
      plotted.set({
        ...axis,
        at: axis.at(record),
        points: () => ({ x: [], y: [] }),
        mean: answer.mean,
        aleatoric: answer.aleatoric_variance,
        epistemic: answer.epistemic_variance,
        decision: answer.decision,
        draws: null,
      }),
  };
}
