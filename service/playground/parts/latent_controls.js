// Sliders and switches for every control of a latent specification, whatever the family.

import { element } from "./dom.js";
import { latentRow } from "./latent_row.js";

/**
 * @param {object[]} controls Controls as in `GET /models`.
 * @param {() => void} changed Called after any of them was moved.
 * @returns {{element: HTMLElement, codes: () => object, set: (name: string, value: any) => void,
 *   tell: (drawn: object) => void}} `codes`: what is set, for a request; `set` moves a control, `null` releases it;
 *   `tell` shows what the seed of a single image drew, one value each; nothing of what it leaves out.
 */
export function latentControls(controls, changed) {
  const rows = new Map(controls.map((control) => [control.name, latentRow(control, moved)]));
  const release = element("button", { type: "button", class: "quiet", hidden: true }, "Release all");
  release.addEventListener("click", () => {
    rows.forEach((one) => one.set(null));
    moved();
  });

  function codes() {
    const values = [...rows].map(([name, one]) => [name, one.value()]);
    return Object.fromEntries(values.filter(([, value]) => value !== null));
  }

  function moved() {
    release.hidden = Object.keys(codes()).length < 2;
    changed();
  }

  return {
    element: element("div", { class: "latent-controls" }, ...[...rows.values()].map((one) => one.element), release),
    codes,
    set: (name, value) => rows.get(name).set(value),
    tell: (drawn) => rows.forEach((one, name) => one.tell(drawn[name] ?? null)),
  };
}
