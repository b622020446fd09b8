// A sequence of the data over its steps, and the prediction from it: after its end, or at every step.

import { element } from "../../parts/dom.js";

/** Return the same as `tableAxis`. */
export function sequenceAxis(model, { inputs, targets }, changed) {
  const [steps] = model.inputs.shape;
  const rows = inputs.length ? inputs : [Array.from({ length: steps }, () => model.inputs.mean)];
  const choice = element(
    "select",
    {},
    ...rows.map((_, place) => element("option", { value: place }, `held-out sequence ${place + 1}`)),
  );
  choice.addEventListener("change", changed);
  const row = () => rows[Number(choice.value)];
  let everyStep = false;
  return {
    element: element("label", {}, element("span", {}, "Sequence "), choice),
    data: `the sequence: ${model.inputs.names.join(", ") || "its first value"}${targets ? ", and what followed" : ""}`,
    title: () => "step",
    low: 0,
    high: steps + 1,
    inputs: () => [row()],
    curve(answer) {
      everyStep = Array.isArray(answer.mean[0][0]);
      const along = (values) => values && (everyStep ? values[0] : [values[0], values[0], values[0]]);
      return {
        x: everyStep ? row().map((_, i) => i) : [steps - 0.3, steps, steps + 0.3],
        mean: along(answer.mean),
        aleatoric: along(answer.aleatoric_variance),
        epistemic: along(answer.epistemic_variance),
        decision: answer.decision && [answer.decision[0], answer.decision[0], answer.decision[0]],
        draws: answer.draws?.map(along) ?? null,
      };
    },
    points(at) {
      const seen = { x: row().map((_, i) => i), y: row().map((values) => values[0]) };
      const followed = everyStep ? undefined : targets?.[Number(choice.value)]?.[at];
      return followed === undefined ? seen : { x: [...seen.x, steps], y: [...seen.y, followed] };
    },
  };
}
