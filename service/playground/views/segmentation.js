// Segmentation: image, labels and entropy side by side, and a read-out of the pixel under the crosshair.

import { ask } from "../api.js";
import { classColours } from "../parts/class_colours.js";
import { crosshairs } from "../parts/crosshair.js";
import { disturbed } from "../parts/disturb.js";
import { element } from "../parts/dom.js";
import { exampleChoice } from "../parts/example_choice.js";
import { scaleBar } from "../parts/heat.js";
import { imageUpload } from "../parts/image_upload.js";
import { pixelReadout } from "../parts/pixel_readout.js";
import { paintImage } from "../parts/raw_image.js";
import { showRequest } from "../parts/request.js";
import { latest } from "../parts/schedule.js";
import { seedField } from "../parts/seed_field.js";
import { percent, slider } from "../parts/slider.js";
import { largest, paintEntropy, paintLabels, paintPhotograph } from "./segmentation/painting.js";

const PARTS = {
  predictive_entropy: "entropy",
  expected_entropy: "aleatoric part",
  mutual_information: "epistemic part",
};
const OUTPUTS = ["mean", ...Object.keys(PARTS), "ood_score", "decision"].join(",");
const DRAWS = 20;
const MOST_DRAWS = 60;

/** Show the view of a segmentation model, and return a function that frees it. */
export async function show(root, model) {
  const { low, high, shape } = model.inputs;
  const classes = model.classes ?? model.targets;
  let source = null;
  let answer = null;
  let closed = false;

  const draws = slider("Draws", { min: 2, max: MOST_DRAWS, step: 1, value: DRAWS }, String, () => refresh());
  const noise = slider("Noise added", { min: 0, max: 0.5, step: 0.01, value: 0 }, percent, () => take(source));
  let seed = 0;
  const seedChoice = seedField("Seed", seed, (next) => {
    seed = next;
    refresh();
  });
  const part = element(
    "select",
    { "aria-label": "Part of the entropy" },
    ...Object.entries(PARTS).map(([value, text]) => element("option", { value }, text)),
  );
  part.addEventListener("change", paintMap);
  const pictures = crosshairs(["Image", "Labels", "Entropy"], readOut);
  const [image, labels, entropy] = pictures.canvases;
  const legend = element("ul", { class: "legend", "aria-label": "Classes" });
  const bar = scaleBar();
  const readout = pixelReadout(classes, classColours(classes.length));
  const decision = element("p", { class: "decision", role: "status" });
  const problem = element("p", { class: "problem", role: "alert" });
  const requestFrame = element("div", { class: "request-frame" });

  const refresh = latest(async () => {
    try {
      const exchange = await ask("/predict", {
        query: { model: model.name, samples: draws.value(), seed, outputs: OUTPUTS },
        body: source.png ?? { inputs: [seen()] },
      });
      if (closed) return;
      problem.textContent = "";
      answer = exchange.data;
      paint();
      showRequest(requestFrame, exchange);
    } catch (error) {
      problem.textContent = error.message;
    }
  });

  function take(next) {
    source = next;
    noise.element.hidden = !next.raw;
    if (next.raw) paintImage(image, seen(), low, high);
    else paintPhotograph(image, next.bitmap, shape);
    refresh();
  }

  function seen() {
    return disturbed(source.raw, noise.value(), { low, high });
  }

  function paint() {
    pictures.resize(answer.mean[0].length, answer.mean[0][0].length);
    paintLabels(labels, legend, answer);
    paintMap();
    const score = `mean epistemic part ${answer.ood_score?.[0]?.toFixed(4) ?? "unknown"} nats`;
    decision.textContent = answer.decision ? `Decision: ${answer.decision[0]} (${score})` : score;
    readOut(...pictures.at());
  }

  function paintMap() {
    bar.set(paintEntropy(entropy, answer, part.value), "nats");
  }

  function readOut(y, x) {
    if (!answer) return;
    const at = (name) => answer[name]?.[0][y][x] ?? null;
    const pixel = { y, x, probabilities: at("mean"), total: at("predictive_entropy") };
    readout.set({ ...pixel, aleatoric: at("expected_entropy"), epistemic: at("mutual_information") });
    const name = classes[largest(pixel.probabilities)];
    pictures.describe(`Row ${y + 1}, column ${x + 1}: ${name}, entropy ${pixel.total.toFixed(2)} nats`);
  }

  const examples = await exampleChoice(model, { low, high }, (raw) => take({ raw }));
  const upload = imageUpload(
    (png, bitmap) => {
      examples.release();
      take({ png, bitmap });
    },
    (message) => (problem.textContent = message),
  );
  pictures.figures[0].append(upload);
  pictures.figures[1].append(legend);
  pictures.figures[2].append(part, bar.element);
  root.append(
    element(
      "div",
      { class: "segmentation" },
      element(
        "section",
        { class: "card source-panel", "aria-label": "Input" },
        examples.element,
        element("div", { class: "mode-options" }, draws.element, noise.element, seedChoice.element),
      ),
      element("section", { class: "card", "aria-label": "Answer" }, pictures.element, problem, decision),
      element(
        "section",
        { class: "card", "aria-label": "Pixel" },
        element("h2", {}, "Under the crosshair"),
        readout.element,
      ),
      requestFrame,
    ),
  );
  if (examples.inputs.length) examples.choose(0);
  else take({ raw: ramp(model.inputs) });
  return () => {
    closed = true;
  };
}

/** Return an image to start with if there is no example: a ramp from the darkest to the brightest. */
function ramp({ low, high, shape: [channels, height, width] }) {
  const row = Array.from({ length: width }, (_, x) => low + ((high - low) * x) / (width - 1));
  return Array.from({ length: channels }, () => Array.from({ length: height }, () => row));
}
