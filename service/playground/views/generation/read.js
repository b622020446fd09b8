// The other way: what an image tells of its code, and for who can, the image again with the noise and doubt in it.

import { shareBars } from "../../parts/bars.js";
import { element } from "../../parts/dom.js";
import { exampleChoice } from "../../parts/example_choice.js";
import { heat, paintPixels, scaleBar } from "../../parts/heat.js";
import { paintImage } from "../../parts/raw_image.js";
import { seedField } from "../../parts/seed_field.js";
import { styleSearch } from "./search.js";

const SAMPLES = 50;
const PRIOR_DEVIATIONS = 3;

export function read(root, bench) {
  const spec = bench.details.manifest.model.images;
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
    element("span", {}, "noise and doubt of a pixel, as deviation"),
    bar.element,
  );
  const shown = rebuilds ? [given, mean, noise, doubt] : [given];
  const codes = element("div", { class: "readings" });
  root.append(choices, element("div", { class: "reading-pictures" }, ...shown.map((one) => one.element)));
  if (rebuilds) root.append(bars);
  if (reads) root.append(element("h3", {}, "What the image tells of its code"), codes);
  if (operations.includes("project")) root.append(styleSearch(bench, () => raw));

  const refresh = bench.live(async () => {
    raw = source.raw ?? (await generated(source.seed));
    paintImage(given.canvas, raw, low, high);
    if (!reads) return null;
    const body = { inputs: [raw], ...(rebuilds && { samples: SAMPLES, seed: 0 }) };
    const exchange = await bench.ask(rebuilds ? "reconstruct" : "encode", body);
    if (rebuilds) paintReconstruction(exchange.data);
    codes.replaceChildren(...Object.entries(exchange.data.codes).map(([name, code]) => reading(name, code)));
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
    bar.set(largest, `of ${high - low}`);
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

/** Every number of nested lists, changed. */
function each(value, change) {
  return Array.isArray(value) ? value.map((part) => each(part, change)) : change(value);
}

/** One code of one image: bars of a categorical one's values, else mean and deviation on a line. */
function reading(name, code) {
  const title = element("h4", {}, name.replaceAll("_", " "));
  if (code.probabilities) {
    const [shares] = code.probabilities;
    const bars = shareBars(shares.map((_, i) => String(i)));
    bars.set(shares);
    return element("div", { class: "reading" }, title, bars.element);
  }
  const [means, variances] = [code.mean, code.variance].map((column) => [column[0]].flat());
  const lines = means.map((one, i) => line(means.length > 1 ? `${name}${i + 1}` : name, one, Math.sqrt(variances[i])));
  return element("div", { class: "reading" }, title, element("ul", { class: "moments" }, ...lines));
}

/** A mean with two deviations either way, on a line from -3 to 3. */
function line(name, mean, deviation) {
  const place = (value) =>
    50 + (50 * Math.max(-PRIOR_DEVIATIONS, Math.min(PRIOR_DEVIATIONS, value))) / PRIOR_DEVIATIONS;
  const range = element("span", { class: "moment-range" });
  const point = element("span", { class: "moment-point" });
  const [start, end] = [place(mean - 2 * deviation), place(mean + 2 * deviation)];
  range.style.left = `${start}%`;
  range.style.width = `${end - start}%`;
  point.style.left = `${place(mean)}%`;
  const track = element("span", { class: "moment-track", "aria-hidden": "true" }, range, point);
  const text = `${mean.toFixed(2).replace("-", "−")} ± ${deviation.toFixed(2)}`;
  return element(
    "li",
    {},
    element("span", { class: "share-name" }, name),
    track,
    element("span", { class: "share-number" }, text),
  );
}
