// A sequence of the data over its steps, and the prediction from it: after its end, or at every step.

import { element } from "../../parts/dom.js";
import { recordTable } from "../../parts/record_table.js";

/** Return the same as `tableAxis`. */
export function sequenceAxis(model, { inputs, records, targets }, changed) {
  const [steps] = model.inputs.shape;
  const rows = inputs.length ? inputs : [Array.from({ length: steps }, () => model.inputs.mean)];
  const choice = element(
    "select",
    {},
    ...rows.map((_, place) => element("option", { value: place }, `held-out sequence ${place + 1}`)),
  );
  const content = recordTable();
  const see = () => records && content.show(records[Number(choice.value)]);
  choice.addEventListener("change", () => {
    see();
    changed();
  });
  see();
  const row = () => rows[Number(choice.value)];
  const [first, target] = [model.inputs.names[0], model.targets[0]];
  const own = isOfTarget(model);
  let everyStep = false;
  return {
    element: element(
      "div",
      {},
      element("label", { class: "choice" }, element("span", {}, "Sequence"), choice),
      ...(records ? [content.element] : []),
    ),
    data: own ? `the sequence${targets ? ", and what followed" : ""}` : targets ? "what followed" : null,
    inputs: () => [(records ?? rows)[Number(choice.value)]],
    curve(answer) {
      const end = row().length;
      everyStep = Array.isArray(answer.mean[0][0]);
      const along = (values) => values && (everyStep ? values[0] : [values[0], values[0], values[0]]);
      return {
        x: everyStep ? row().map((_, i) => i) : [end - 0.3, end, end + 0.3],
        low: -0.5,
        high: steps + 0.5,
        title: "step",
        whole: true,
        named: own && (first ?? target) !== target ? `${first}; ${target}` : null,
        points,
        mean: along(answer.mean),
        aleatoric: along(answer.aleatoric_variance),
        epistemic: along(answer.epistemic_variance),
        decision: answer.decision && [answer.decision[0], answer.decision[0], answer.decision[0]],
        draws: answer.draws?.map(along) ?? null,
      };
    },
  };

  function points(at) {
    const seen = own ? { x: row().map((_, i) => i), y: row().map((values) => values[0]) } : { x: [], y: [] };
    const followed = everyStep ? undefined : targets?.[Number(choice.value)]?.[at];
    return followed === undefined ? seen : { x: [...seen.x, row().length], y: [...seen.y, followed] };
  }
}

/** Return whether a sequence may be drawn on the target's axis: it is one quantity, of the target's name or unit. */
function isOfTarget({ inputs: { mean, names: [name] }, targets }) {
  if (targets.length > 1 || mean.length > 1) return false;
  const unit = (title) => title.match(/\[(.+)\]$| in (\S+)$/)?.slice(1).find(Boolean);
  return name === undefined || name === targets[0] || (unit(name) !== undefined && unit(name) === unit(targets[0]));
}
