// Predictions of an input turned to every angle.

import { answerRegion } from "../../parts/answering.js";
import { element } from "../../parts/dom.js";
import { CURVE_OUTPUTS, doubtCurves } from "../../parts/doubt_curves.js";
import { rowsBody } from "../../parts/rows_body.js";
import { turnedRow } from "./turned_row.js";

const STEP = 15; // degrees, as in the lecture
const ANGLES = Array.from({ length: 360 / STEP + 1 }, (_, i) => STEP * i - 180);
const HALF_TURN = ANGLES.filter((angle) => angle >= 0 && angle < 180);
const MOST_NUMBERS = 1e6; // of which larger pictures would be more than a page should turn, and a service read, at once
const AXIS = { low: -180, high: 180, title: "rotation [degrees]" };

/** Return whether a model's pictures are small enough to be asked at every angle. */
export function turnsAll({ inputs: { shape } }) {
  return ANGLES.length * shape.reduce((product, side) => product * side) <= MOST_NUMBERS;
}

/**
 * @param {object} model Entry of the catalogue.
 * @param {() => boolean} closed
 * @param {(angle: number) => void} chosen An angle of the row.
 */
export function turnCurve(model, closed, chosen) {
  const row = turnedRow(model, HALF_TURN, chosen);
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
    row.mark(source.angle());
  }

  const refresh = region.answering(async (source, predict) => {
    const images = ANGLES.map(source.turned);
    const { data } = await predict(rowsBody(images, model.limits), { outputs: `label,${CURVE_OUTPUTS}` });
    if (closed()) return;
    curves.set(AXIS, ANGLES, data);
    const shown = HALF_TURN.map((angle) => ANGLES.indexOf(angle));
    row.set(
      shown.map((i) => images[i]),
      shown.map((i) => ({ label: data.label[i], nats: data.predictive_entropy[i] })),
    );
  });

  region.content.append(row.element, curves.element);
  region.element.append(element("h2", {}, "Over the rotation"), region.problem, region.content);
  return { element: region.element, follow };
}
