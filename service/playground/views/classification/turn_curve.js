// Predictions of an input turned to every angle.

import { answerRegion } from "../../parts/answering.js";
import { element } from "../../parts/dom.js";
import { CURVE_OUTPUTS, doubtCurves } from "../../parts/doubt_curves.js";

const ANGLES = Array.from({ length: 37 }, (_, i) => 10 * i - 180);
const AXIS = { low: -180, high: 180, title: "rotation [degrees]" };

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
    const { data } = await predict(ANGLES.map(source.turned), { outputs: CURVE_OUTPUTS });
    if (!closed()) curves.set(AXIS, ANGLES, data);
  });

  region.content.append(curves.element);
  region.element.append(element("h2", {}, "Over the rotation"), region.problem, region.content);
  return { element: region.element, follow };
}
