// Two components of a Gaussian code on a pad, with the images of the whole plane behind the point.

import { element } from "../../parts/dom.js";
import { normalProbability, normalQuantile } from "../../parts/normal.js";
import { planePad } from "../../parts/plane_pad.js";
import { seedField } from "../../parts/seed_field.js";
import { fill, thumbnail } from "../../parts/thumbnail.js";

const SIDE = 8;
/** Images along a side behind the pad: as many as one request makes, evenly over the plane. */

/** Return the vector that a pad can move, if there is one: Gaussian noise, so that its shares are even. */
export function planeControl(controls) {
  return controls.find((control) => control.kind === "vector" && control.drawn === "normal" && control.size > 1);
}

export function plane(root, bench) {
  const control = planeControl(bench.model.controls);
  const side = Math.min(SIDE, Math.floor(Math.sqrt(bench.limit)));
  const axes = [0, 1];
  const value = [0, 0];
  const tiles = Array.from({ length: side * side }, () => thumbnail(""));
  const manifold = element("div", { class: "manifold" }, ...tiles);
  manifold.style.gridTemplateColumns = `repeat(${side}, 1fr)`;
  const large = thumbnail("");
  const codes = element("output", { class: "code" });
  const pad = planePad(`Plane of ${control.name}`, manifold, (across, up) => {
    value[0] = normalQuantile(across);
    value[1] = normalQuantile(up);
    tellSliders();
    refresh();
  });
  const sliders = ["Across", "Up"].map((label, axis) => slider(label, axis));
  const seed = seedField("Seed of the other parts", bench.memory.seed, (next) => {
    bench.memory.seed = next;
    both();
  });
  const options = element("div", { class: "mode-options" });
  if (control.size > 2) options.append(...["Across", "Up"].map((label, axis) => component(label, axis)));
  if (control.size > 2 || bench.model.controls.length > 1) options.append(seed.element);
  const caption = element("figcaption", {}, codes);
  root.append(
    options,
    element("div", { class: "plane" }, pad.element, element("figure", {}, large, caption)),
    element("div", { class: "plane-sliders" }, ...sliders.map((one) => one.element)),
    bench.downloads("traverse", whole, "Download the plane"),
  );

  function sweeps(across, up) {
    const [columns, rows] = axes.map((index) => ({ control: control.name, index }));
    const held = { seed: bench.memory.seed, codes: bench.panel.codes() };
    return { ...held, rows: { ...rows, ...up }, columns: { ...columns, ...across } };
  }

  /** Return the whole plane in equal probabilities, with the largest value at the top. */
  function whole() {
    const end = Number(normalQuantile(1 - 0.5 / side).toFixed(4));
    const across = { from: -end, to: end, steps: side, spacing: "normal" };
    return sweeps(across, { ...across, from: end, to: -end });
  }

  const refresh = bench.live(async () => {
    const [x, y] = value.map((one) => Number(one.toFixed(3)));
    const exchange = await bench.ask("traverse", sweeps({ values: [x] }, { values: [y] }));
    fill(large, exchange.data.images[0]);
    codes.textContent = axes.map((index, i) => `${control.name}${index + 1} = ${shown(value[i])}`).join("   ");
    large.alt = `Image at ${codes.textContent}`;
    pad.describe(codes.textContent);
    return exchange;
  });

  const paintManifold = bench.live(async () => {
    const exchange = await bench.ask("traverse", whole());
    exchange.data.images.forEach((content, i) => fill(tiles[i], content));
    return null;
  });

  function both() {
    paintManifold();
    refresh();
  }

  function slider(label, axis) {
    const input = element("input", { type: "range", min: -2.3, max: 2.3, step: 0.01, value: 0 });
    const output = element("output", {});
    input.addEventListener("input", () => {
      value[axis] = input.valueAsNumber;
      pad.set(...value.map(normalProbability));
      tellSliders();
      refresh();
    });
    const frame = element("label", { class: "plane-slider" }, element("span", {}, label), input, output);
    return { element: frame, set: () => ([input.value, output.textContent] = [value[axis], shown(value[axis])]) };
  }

  function component(label, axis) {
    const choice = element("select", {}, ...Array.from({ length: control.size }, (_, i) => option(control, i)));
    choice.value = axes[axis];
    choice.addEventListener("change", () => {
      axes[axis] = Number(choice.value);
      [...options.querySelectorAll("select")].forEach((other, i) => disableTaken(other, axes[1 - i]));
      both();
    });
    disableTaken(choice, axes[1 - axis]);
    return element("label", {}, element("span", {}, `${label} moves`), choice);
  }

  function tellSliders() {
    sliders.forEach((one) => one.set());
  }

  tellSliders();
  both();
  return both;
}

/** Keep the two axes on different components. */
function disableTaken(choice, taken) {
  [...choice.options].forEach((one, i) => (one.disabled = i === taken));
}

function option(control, index) {
  return element("option", { value: String(index) }, `${control.name}${index + 1}`);
}

function shown(value) {
  return value.toFixed(2).replace("-", "−");
}
