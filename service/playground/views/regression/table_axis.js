// A curve over one column of a table, with the others held.

import { element } from "../../parts/dom.js";
import { columnRange, tableInputs } from "../../parts/table_inputs.js";

const STEPS = 120;

/**
 * @param {object} model Entry of the catalogue.
 * @param {{inputs: number[][], targets: number[][] | null}} examples
 * @param {() => void} changed
 */
export function tableAxis(model, { inputs: rows, targets }, changed) {
  const names = model.inputs.mean.map((_, i) => model.inputs.names[i] || `column ${i + 1}`);
  const single = names.length === 1;
  const others = tableInputs(model.inputs, rows, changed);
  const choice = element("select", {}, ...names.map((name, i) => element("option", { value: i }, name)));
  let low, high, xs;
  function span() {
    [low, high] = columnRange(model.inputs, Number(choice.value), rows);
    xs = Array.from({ length: STEPS }, (_, i) => low + ((high - low) * i) / (STEPS - 1));
  }
  choice.addEventListener("change", () => {
    span();
    changed();
  });
  span();
  const controls = element(
    "div",
    { class: "table-axis" },
    element("label", { class: "choice" }, element("span", {}, "Over"), choice),
    element("details", { open: true }, element("summary", {}, "The other columns are held"), others.element),
  );
  return {
    element: single ? element("span", { hidden: true }) : controls,
    data: single && targets ? "held-out data" : null,
    inputs: () => xs.map((x) => others.row().map((value, i) => (i === Number(choice.value) ? x : value))),
    curve: (answer) => ({
      x: xs,
      low,
      high,
      title: names[Number(choice.value)],
      points,
      mean: answer.mean,
      aleatoric: answer.aleatoric_variance,
      epistemic: answer.epistemic_variance,
      decision: answer.decision,
      draws: answer.draws ?? null,
    }),
  };

  function points(at) {
    if (!single || !targets) return { x: [], y: [] };
    return { x: rows.map((row) => row[0]), y: targets.map((row) => row[at]) };
  }
}
