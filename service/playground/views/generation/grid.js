// A grid with labelled axes, in which one or two controls are swept and all else is held.

import { element } from "../../parts/dom.js";
import { seedField } from "../../parts/seed_field.js";
import { sweepable, sweepAxis } from "../../parts/sweep_axis.js";
import { fill, thumbnail } from "../../parts/thumbnail.js";

export function grid(root, bench) {
  const controls = bench.model.controls.filter(sweepable);
  const [down, along] = beginning(controls);
  const rows = sweepAxis("Rows", controls, down, () => refresh());
  const columns = sweepAxis("Columns", controls, along, () => refresh());
  const seed = seedField("Seed", bench.memory.seed, (next) => {
    bench.memory.seed = next;
    refresh();
  });
  const table = element("table", { class: "traversal" });
  root.append(
    element("div", { class: "mode-options" }, rows.element, columns.element, seed.element),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Grid of images" }, table),
    bench.downloads("traverse", body),
  );

  function body() {
    const [y, x] = [rows.sweep(), columns.sweep()];
    const swept = [y, x].filter((one) => one && one.index === undefined).map((one) => one.control);
    const held = Object.entries(bench.panel.codes()).filter(([name]) => !swept.includes(name));
    return {
      seed: bench.memory.seed,
      codes: Object.fromEntries(held),
      ...(y && { rows: y }),
      ...(x && { columns: x }),
    };
  }

  const refresh = bench.live(async () => {
    const size = rows.count() * columns.count();
    if (size > bench.limit) throw new Error(`${size} images are too many; allowed are ${bench.limit} in a request`);
    const exchange = await bench.ask("traverse", body());
    paint(exchange.data);
    return exchange;
  });

  function paint({ rows: y, columns: x, images }) {
    const [left, top] = [y?.values ?? [""], x?.values ?? [""]];
    const shape = JSON.stringify([y, x]);
    if (table.dataset.shape !== shape) {
      table.dataset.shape = shape;
      const caption = element("caption", {}, [title("down", y), title("along", x)].filter(Boolean).join(", "));
      const head = element(
        "tr",
        {},
        element("td", {}),
        ...top.map((value) => element("th", { scope: "col" }, label(value))),
      );
      const lines = left.map((value) => {
        const cells = top.map((other) => element("td", {}, thumbnail(`${label(value)} ${label(other)}`.trim())));
        return element("tr", {}, element("th", { scope: "row" }, label(value)), ...cells);
      });
      table.replaceChildren(caption, element("thead", {}, head), element("tbody", {}, ...lines));
    }
    table.querySelectorAll("img").forEach((image, i) => fill(image, images[i]));
  }

  refresh();
  return refresh;
}

/** Choose the first sweeps: a control with few values against a gradual one, or two components of a vector. */
function beginning(controls) {
  const [vector] = controls.filter((control) => control.kind === "vector");
  const few = controls.find((control) => control.kind === "categorical");
  const gradual = controls.find((control) => control.kind === "continuous");
  const component = (index) => ({ control: vector.name, index, steps: 6 });
  if (gradual && few)
    return [
      { control: gradual.name, steps: 6 },
      { control: few.name, steps: 6 },
    ];
  if (gradual) return [{ control: gradual.name, steps: 6 }, component(0)];
  return [component(0), component(1)];
}

function title(way, axis) {
  if (!axis) return "";
  const index = axis.index === undefined ? "" : axis.index + 1;
  return `${way}: ${axis.control.replaceAll("_", " ")}${index}`;
}

function label(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return value.toFixed(2).replace("-", "−");
}
