// Interpolation between two seeds: a strip of images, and one of them large under a slider.

import { element } from "../../parts/dom.js";
import { freshSeed, seedField } from "../../parts/seed_field.js";
import { fill, thumbnail } from "../../parts/thumbnail.js";

const STEPS = 16;

export function between(root, bench) {
  const ends = [bench.memory.seed, freshSeed()];
  const fields = ["From seed", "To seed"].map((label, i) =>
    seedField(label, ends[i], (seed) => {
      ends[i] = seed;
      refresh();
    }),
  );
  const method = element(
    "select",
    {},
    element("option", { value: "slerp" }, "great circle"),
    element("option", { value: "lerp" }, "straight"),
  );
  method.addEventListener("change", () => refresh());
  const way = element("input", {
    type: "range",
    min: 0,
    max: STEPS - 1,
    step: 1,
    value: 0,
    "aria-label": "Position between the seeds",
  });
  way.addEventListener("input", enlarge);
  const large = thumbnail("");
  const caption = element("figcaption", {});
  const strip = element(
    "div",
    { class: "strip", "aria-hidden": "true" },
    ...Array.from({ length: STEPS }, () => thumbnail("")),
  );
  let images = [];
  settleWholeNumbers(bench);
  root.append(
    element(
      "div",
      { class: "mode-options" },
      ...fields.map((field) => field.element),
      element("label", {}, element("span", {}, "Way"), method),
    ),
    element("div", { class: "way" }, element("figure", {}, large, caption), way, strip),
    bench.downloads("interpolate", body),
  );

  function body() {
    const [from, to] = ends.map((seed) => ({ seed }));
    return { from, to, steps: STEPS, method: method.value, codes: bench.panel.codes() };
  }

  const refresh = bench.live(async () => {
    const exchange = await bench.ask("interpolate", body());
    images = exchange.data.images;
    images.forEach((content, i) => fill(strip.children[i], content));
    enlarge();
    return exchange;
  });

  function enlarge() {
    const step = way.valueAsNumber;
    if (!images.length) return;
    fill(large, images[step]);
    caption.textContent = `${Math.round((100 * step) / (STEPS - 1))} % of the way from ${ends[0]} to ${ends[1]}`;
    large.alt = caption.textContent;
    [...strip.children].forEach((image, i) => image.classList.toggle("now", i === step));
  }

  refresh();
  return refresh;
}

/** A control without values in between must be the same at both ends, so it is set here, for everyone to see. */
function settleWholeNumbers({ model, panel }) {
  const codes = panel.codes();
  const free = model.controls.filter((control) => control.drawn === "categorical" && !(control.name in codes));
  free.forEach((control) => panel.set(control.name, control.low));
}
