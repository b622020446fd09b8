// One control of a latent code: a slider, a choice among names, or a vector that a seed draws.

import { element } from "./dom.js";

const BY_SEED = "by seed";

/**
 * @param {object} control A control as in `GET /models`.
 * @param {() => void} changed
 * @returns {{element: HTMLElement, value: () => any, set: (value: any) => void, tell: (drawn: any) => void}} Its value
 *   is `null` while it is left to the seed or its default; `tell` shows what that was.
 */
export function latentRow(control, changed) {
  const kinds = { continuous: slider, categorical: chips, choice: chips, vector };
  return kinds[control.kind](control, changed);
}

function slider(control, changed) {
  const id = `control-${control.name}`;
  const resting = control.default ?? (control.low + control.high) / 2;
  const step = 10 ** Math.floor(Math.log10((control.high - control.low) / 100));
  const input = element("input", { type: "range", id, min: control.low, max: control.high, step });
  input.setAttribute("aria-describedby", `${id}-meaning`);
  const output = element("output", { for: id });
  const release = releaseButton(control, () => {
    set(null);
    changed();
  });
  let value = null;

  function set(next, shown = next ?? resting) {
    value = next;
    input.value = shown;
    const drawn = value === null && control.default === null;
    const told = drawn && shown === resting ? "" : number(shown);
    output.textContent = drawn ? `${told} ${BY_SEED}`.trim() : told;
    frame.dataset.set = value !== null;
    release.disabled = value === null;
  }

  input.addEventListener("input", () => {
    set(input.valueAsNumber);
    changed();
  });
  const head = element(
    "div",
    { class: "control-head" },
    element("label", { for: id }, spaced(control.name)),
    release,
    output,
  );
  const frame = element(
    "div",
    { class: "latent-control", "data-control": control.name },
    head,
    input,
    meaning(control, id),
  );
  set(null);
  return { element: frame, value: () => value, set, tell: (drawn) => value === null && set(null, drawn ?? resting) };
}

function chips(control, changed) {
  const id = `control-${control.name}`;
  const values = control.choices.length
    ? control.choices
    : Array.from({ length: control.high - control.low + 1 }, (_, i) => control.low + i);
  const free = control.default === null ? [[BY_SEED, null]] : [];
  const options = [...free, ...values.map((value) => [String(value), value])];
  const resting = control.default;
  let value = null;
  const inputs = options.map(([, option]) => {
    const input = element("input", { type: "radio", name: id });
    input.addEventListener("change", () => {
      set(option === resting ? null : option);
      changed();
    });
    return input;
  });
  const labels = options.map(([text], i) => element("label", { class: "chip" }, inputs[i], element("span", {}, text)));
  const legend = element("legend", {}, spaced(control.name));
  const frame = element(
    "fieldset",
    { class: "latent-control", "data-control": control.name, "aria-describedby": `${id}-meaning` },
    legend,
    element("div", { class: "chips" }, ...labels),
    meaning(control, id),
  );

  function set(next) {
    value = next;
    const shown = value ?? resting;
    options.forEach(([, option], i) => (inputs[i].checked = option === shown));
    tell(null);
  }

  function tell(drawn) {
    labels.forEach((label, i) =>
      label.classList.toggle("drawn", value === null && drawn !== null && options[i][1] === drawn),
    );
  }

  set(null);
  return { element: frame, value: () => value, set, tell };
}

/** Describe a vector; its components are moved on the plane and in grids. */
function vector(control, changed) {
  let value = null;
  const state = element("output", {});
  const release = releaseButton(control, () => {
    set(null);
    changed();
  });
  const frame = element(
    "div",
    { class: "latent-control", "data-control": control.name },
    element("div", { class: "control-head" }, element("span", {}, spaced(control.name)), release, state),
    meaning(control, `control-${control.name}`),
  );

  function set(next) {
    value = next;
    const free = control.drawn ? `${control.size} numbers ${BY_SEED}` : "not set";
    state.textContent = value === null ? free : `${control.size} numbers set`;
    release.disabled = value === null;
    frame.dataset.set = value !== null;
  }

  set(null);
  return { element: frame, value: () => value, set, tell: () => {} };
}

function releaseButton(control, released) {
  const button = element("button", { type: "button", class: "quiet release" }, "release");
  button.setAttribute("aria-label", `Release ${control.name}`);
  button.addEventListener("click", released);
  return button;
}

function meaning(control, id) {
  return element("p", { class: "meaning", id: `${id}-meaning` }, control.meaning);
}

function number(value) {
  return value.toFixed(2).replace("-", "−");
}

function spaced(name) {
  return name.replaceAll("_", " ");
}
