// Predictions of an input turned to every angle.

import { answerRegion } from "../../parts/answering.js";
import { element } from "../../parts/dom.js";
import { CURVE_OUTPUTS, doubtCurves } from "../../parts/doubt_curves.js";
import { rowsBody } from "../../parts/rows_body.js";

const ANGLES = Array.from({ length: 37 }, (_, i) => 10 * i - 180);
const MOST_NUMBERS = 1e6; // of which larger pictures would be more than a page should turn, and a service read, at once
const AXIS = { low: -180, high: 180, title: "rotation [degrees]" };

/** Return whether a model's pictures are small enough to be asked at every angle. */
export function turnsAll({ inputs: { shape } }) {
  return ANGLES.length * shape.reduce((product, side) => product * side) <= MOST_NUMBERS;
}

/**
 * @param {object} model Entry of the catalogue.
 * @param {() => boolean} closed
 */
export function turnCurve(model, closed) {
  const curves = doubtCurves(model.classes, "the angle");
  const region = answerRegion("Over the rotation", { class: "card answer turn-curve" });
  let last = null;
  let settings = null;

  /** Move the marks at once, and draw the curves again if more than the angle has changed. */
  function follow(source, predict, asked) {
    region.element.hidden = !source.turns();
    if (region.element.hidden) return;
    if (source.state() !== last || asked !== settings) {
      [last, settings] = [source.state(), asked];
      refresh(source, predict);
    }
    curves.mark(source.angle());
  }

  const refresh = region.answering(async (source, predict) => {
    const { data } = await predict(rowsBody(ANGLES.map(source.turned), model.limits), { outputs: CURVE_OUTPUTS });
    if (!closed()) curves.set(AXIS, ANGLES, data);
  });

  region.content.append(curves.element);
  region.element.append(element("h2", {}, "Over the rotation"), region.problem, region.content);
  return { element: region.element, follow };
}
