// One axis of a grid: the control that it sweeps, the component if that is a vector, and the number of steps.

import { element } from "./dom.js";

const NONE = "";

/** Return whether a sweep can move a control: not so a vector that is absent unless it is set. */
export function sweepable(control) {
  return control.kind !== "vector" || control.drawn !== null;
}

/** Return the number of values that a control takes, `Infinity` if it is continuous. */
function values(control) {
  return ["categorical", "choice"].includes(control.kind) ? control.high - control.low + 1 : Infinity;
}

/**
 * @param {string} label "Rows" or "Columns".
 * @param {object[]} controls Controls that can be swept.
 * @param {{control: string, index?: number, steps: number} | null} first
 * @param {() => void} changed
 * @returns {{element: HTMLElement, sweep: () => object | null, count: () => number}} `sweep`: sweep of the
 *   request, `null` for none; `count`: number of its values.
 */
export function sweepAxis(label, controls, first, changed) {
  const options = controls.map((control) =>
    element("option", { value: control.name }, control.name.replaceAll("_", " ")),
  );
  const choice = element("select", {}, element("option", { value: NONE }, "nothing"), ...options);
  const index = element("input", { type: "number", min: 1, step: 1, value: (first?.index ?? 0) + 1 });
  const steps = element("input", { type: "number", min: 1, max: 16, step: 1, value: first?.steps ?? 6 });
  const indexLabel = element("label", {}, element("span", {}, "component"), index);
  const stepsLabel = element("label", {}, element("span", {}, "steps"), steps);
  choice.value = first?.control ?? NONE;

  function chosen() {
    return controls.find((control) => control.name === choice.value);
  }

  function arrange() {
    const control = chosen();
    indexLabel.hidden = control?.kind !== "vector";
    index.max = control?.size ?? 1;
    stepsLabel.hidden = !control || values(control) < Infinity;
  }

  function sweep() {
    const control = chosen();
    if (!control) return null;
    const place = control.kind === "vector" ? { index: index.valueAsNumber - 1 } : {};
    return { control: control.name, ...place, ...(values(control) < Infinity ? {} : { steps: steps.valueAsNumber }) };
  }

  function count() {
    const control = chosen();
    if (!control) return 1;
    return values(control) < Infinity ? values(control) : steps.valueAsNumber;
  }

  for (const input of [choice, index, steps]) {
    input.addEventListener("input", () => {
      arrange();
      if (index.checkValidity() && steps.checkValidity()) changed();
    });
  }
  arrange();
  const frame = element(
    "fieldset",
    { class: "axis" },
    element("legend", {}, label),
    element("label", {}, element("span", {}, "control"), choice),
    indexLabel,
    stepsLabel,
  );
  return { element: frame, sweep, count };
}
