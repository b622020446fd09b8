// The way back: the code read off an image and, for families that can, the image again with its noise and doubt.

import { element } from "../../parts/dom.js";
import { exampleChoice } from "../../parts/example_choice.js";
import { heat, paintPixels, scaleBar } from "../../parts/heat.js";
import { paintImage } from "../../parts/raw_image.js";
import { seedField } from "../../parts/seed_field.js";
import { readings } from "./readings.js";
import { styleSearch } from "./search.js";

const SAMPLES = 50;

export function read(root, bench) {
  const spec = bench.model.manifest.model.images;
  const [low, high] = [spec.mean[0], spec.mean[0] + spec.scale[0]];
  const { operations } = bench.model;
  const rebuilds = operations.includes("reconstruct");
  const reads = operations.includes("encode");
  let source = { seed: bench.memory.seed };
  let examples = null;
  let raw = null;
  const seed = seedField("Image of seed", bench.memory.seed, (next) => {
    source = { seed: next };
    examples?.release();
    refresh();
  });
  const choices = element("div", { class: "mode-options" }, seed.element);
  const [given, mean] = ["The image", "Reconstruction"].map((title) => figure(title));
  const [noise, doubt] = ["Noise (aleatoric)", "Doubt (epistemic)"].map((title) => figure(title));
  const bar = scaleBar();
  const bars = element(
    "div",
    { class: "reading-scale" },
    element("span", {}, "standard deviation of a pixel: noise or doubt"),
    bar.element,
  );
  const shown = rebuilds ? [given, mean, noise, doubt] : [given];
  const codes = element("div", { class: "readings" });
  root.append(choices, element("div", { class: "reading-pictures" }, ...shown.map((one) => one.element)));
  if (rebuilds) root.append(bars);
  if (reads) root.append(element("h3", {}, "Code read off the image"), codes);
  if (operations.includes("project")) root.append(styleSearch(bench, () => raw));

  const refresh = bench.live(async () => {
    raw = source.raw ?? (await generated(source.seed));
    paintImage(given.canvas, raw, low, high);
    if (!reads) return null;
    const body = { inputs: [raw], ...(rebuilds && { samples: SAMPLES, seed: 0 }) };
    const exchange = await bench.ask(rebuilds ? "reconstruct" : "encode", body);
    if (rebuilds) paintReconstruction(exchange.data);
    codes.replaceChildren(...readings(exchange.data.codes, bench.model.controls));
    return exchange;
  });

  async function generated(which) {
    const { data } = await bench.ask("generate", { seeds: [which], codes: bench.panel.codes(), format: "json" });
    return each(data.images[0], (pixel) => low + pixel * (high - low));
  }

  function paintReconstruction(data) {
    const deviations = ["aleatoric_variance", "epistemic_variance"].map((name) => each(data[name][0], Math.sqrt));
    const largest = Math.max(...deviations.flat(3));
    paintImage(mean.canvas, data.mean[0], low, high);
    [noise, doubt].forEach(({ canvas }, i) => {
      const [pixels] = deviations[i];
      paintPixels(canvas, pixels.length, pixels[0].length, (y, x) => heat(pixels[y][x] / largest));
    });
    bar.set(0, largest, `of ${high - low}`);
  }

  async function offerExamples() {
    examples = await exampleChoice(bench.model, { low, high }, (raw) => {
      source = { raw };
      refresh();
    });
    choices.append(examples.element);
  }

  offerExamples();
  refresh();
  return refresh;
}

function figure(title) {
  const canvas = element("canvas", { class: "pixels", role: "img", "aria-label": title });
  return { canvas, element: element("figure", {}, canvas, element("figcaption", {}, title)) };
}

/** Return nested lists with every number changed. */
function each(value, change) {
  return Array.isArray(value) ? value.map((part) => each(part, change)) : change(value);
}
