// Segmentation: image, labels and entropy side by side, and a read-out of the pixel under the crosshair.

import { ask } from "../api.js";
import { answerRegion } from "../parts/answering.js";
import { classColours } from "../parts/class_colours.js";
import { crosshairs } from "../parts/crosshair.js";
import { element } from "../parts/dom.js";
import { pixelDrawOptions } from "../parts/draw_options.js";
import { scaleBar } from "../parts/heat.js";
import { pictureSource } from "../parts/picture_source.js";
import { pixelReadout } from "../parts/pixel_readout.js";
import { showRequest } from "../parts/request.js";
import { numberVerdict } from "../parts/words.js";
import { paintEntropy, paintLabels, winnersOf } from "./segmentation/painting.js";

const PARTS = {
  predictive_entropy: "in all (entropy)",
  expected_entropy: "noise (aleatoric)",
  mutual_information: "ignorance (epistemic)",
};

/** Show the view of a segmentation model, and return a function that frees it. */
export async function show(root, model) {
  const classes = model.classes ?? model.targets;
  const numbers = classes.length * model.inputs.shape[1] * model.inputs.shape[2];
  const labelled = numbers > model.limits.json_numbers ? "label" : "mean"; // with so many shares only the largest is told
  const outputs = [labelled, ...Object.keys(PARTS), "decision"].join(",");
  let answer = null;
  let winners = null;
  let closed = false;

  const options = pixelDrawOptions(model, () => refresh());
  const part = element(
    "select",
    { "aria-label": "Map of how unsure the model is" },
    ...Object.entries(PARTS).map(([value, text]) => element("option", { value }, text)),
  );
  part.addEventListener("change", paintMap);
  const pictures = crosshairs(["Image", "Labels", "How unsure"], readOut);
  const [image, labels, entropy] = pictures.canvases;
  const legend = element("ul", { class: "legend", "aria-label": "Classes" });
  const bar = scaleBar();
  const readout = pixelReadout(classes, classColours(classes.length));
  const decision = element("p", { class: "decision", role: "status" });
  const region = answerRegion("Answer");
  const requestFrame = element("div", { class: "request-frame" });

  const refresh = region.answering(async () => {
    const exchange = await ask("/predict", {
      query: { model: model.name, ...options.query(), outputs },
      body: source.body(),
    });
    if (closed) return;
    answer = exchange.data;
    paint();
    showRequest(requestFrame, exchange);
  });

  function paint() {
    winners = winnersOf(answer);
    pictures.resize(winners.length, winners[0].length);
    paintLabels(labels, legend, winners, classes);
    paintMap();
    decision.textContent = numberVerdict(answer.decision?.[0] ?? null);
    decision.classList.toggle("abstains", answer.decision?.[0] === "abstain");
    readOut(...pictures.at());
  }

  function paintMap() {
    bar.set(0, paintEntropy(entropy, answer, part.value), "nats");
  }

  function readOut(y, x) {
    if (!answer) return;
    const at = (name) => answer[name]?.[0][y][x] ?? null;
    const pixel = { y, x, winner: winners[y][x], probabilities: at("mean"), total: at("predictive_entropy") };
    readout.set({ ...pixel, aleatoric: at("expected_entropy"), epistemic: at("mutual_information") });
    const name = classes[pixel.winner];
    pictures.describe(`Row ${y + 1}, column ${x + 1}: ${name}, how unsure: ${pixel.total.toFixed(2)} nats`);
  }

  const source = await pictureSource(model, image, { changed: refresh, failed: region.tell });
  pictures.figures[0].append(source.upload);
  region.content.append(decision);
  region.element.append(region.problem, pictures.element, region.content);
  pictures.figures[1].append(legend);
  pictures.figures[2].append(part, bar.element);
  root.append(
    element(
      "div",
      { class: "segmentation" },
      element(
        "section",
        { class: "card source-panel", "aria-label": "Input" },
        ...source.controls,
        options.element,
      ),
      region.element,
      element(
        "section",
        { class: "card", "aria-label": "Pixel" },
        element("h2", {}, "Under the crosshair"),
        readout.element,
      ),
      requestFrame,
    ),
  );
  source.start();
  return () => {
    closed = true;
  };
}
