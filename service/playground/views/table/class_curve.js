// A classifier over one column: how unsure it is, and its most probable classes.

import { doubtCurves } from "../../parts/doubt_curves.js";

/** @param {string[]} classes */
export function classCurve(classes) {
  const curves = doubtCurves(classes, "one column", { seen: "what training saw" });
  return {
    element: curves.element,
    set(axis, answer, record) {
      curves.set(axis, axis.x, answer);
      curves.mark(axis.at(record));
    },
  };
}
