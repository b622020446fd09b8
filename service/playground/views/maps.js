// Regression at every pixel: image, prediction and its two kinds of doubt side by side, and the values under the crosshair.

import { ask } from "../api.js";
import { answerRegion } from "../parts/answering.js";
import { crosshairs } from "../parts/crosshair.js";
import { element } from "../parts/dom.js";
import { pixelDrawOptions } from "../parts/draw_options.js";
import { pictureSource } from "../parts/picture_source.js";
import { showRequest } from "../parts/request.js";
import { numberVerdict } from "../parts/words.js";
import { mapPainter } from "./maps/painting.js";
import { pixelNumbers } from "./maps/pixel_numbers.js";

const OUTPUTS = "mean,aleatoric_variance,epistemic_variance,decision";
const TITLES = ["Image", "Prediction (mean)", "Noise (aleatoric)", "Ignorance (epistemic)"];

/** Show the view of a regression at every pixel, and return a function that frees it. */
export async function show(root, model) {
  let answer = null;
  let closed = false;

  const options = pixelDrawOptions(model, () => refresh());
  const pictures = crosshairs(TITLES, readOut);
  const [image, ...canvases] = pictures.canvases;
  const maps = mapPainter(canvases);
  const target = element("select", {}, ...model.targets.map((name, i) => element("option", { value: i }, name)));
  target.addEventListener("change", paintMaps);
  const choice = element("label", { class: "choice", hidden: model.targets.length < 2 }, element("span", {}, "Target"), target);
  const numbers = pixelNumbers(model.targets);
  const drawn = element("p", { class: "meaning" });
  const decision = element("p", { class: "decision", role: "status" });
  const region = answerRegion("Answer");
  const requestFrame = element("div", { class: "request-frame" });

  const refresh = region.answering(async () => {
    const query = { model: model.name, ...options.query(), outputs: OUTPUTS };
    const exchange = await ask("/predict", { query, body: source.body() });
    if (closed) return;
    answer = exchange.data;
    paint();
    showRequest(requestFrame, exchange);
  });

  function paint() {
    pictures.resize(answer.mean[0].length, answer.mean[0][0].length);
    paintMaps();
    drawn.textContent = answer.samples ? `Draws: ${answer.samples}, seed: ${answer.seed}` : "One function: there is nothing to draw.";
    decision.textContent = numberVerdict(answer.decision?.[0] ?? null);
    decision.classList.toggle("abstains", answer.decision?.[0] === "abstain");
    readOut(...pictures.at());
  }

  function paintMaps() {
    maps.paint(answer, Number(target.value), model.targets[target.value]);
  }

  function readOut(y, x) {
    if (answer) pictures.describe(numbers.set(answer, y, x));
  }

  const source = await pictureSource(model, image, { changed: refresh, failed: region.tell });
  pictures.figures[0].append(source.upload);
  maps.legends.forEach((legend, i) => pictures.figures[i + 1].append(legend));
  region.content.append(drawn, decision);
  region.element.append(choice, region.problem, pictures.element, region.content);
  root.append(
    element(
      "div",
      { class: "segmentation" },
      element("section", { class: "card source-panel", "aria-label": "Input" }, ...source.controls, options.element),
      region.element,
      element("section", { class: "card", "aria-label": "Pixel" }, element("h2", {}, "Under the crosshair"), numbers.element),
      requestFrame,
    ),
  );
  source.start();
  return () => {
    closed = true;
  };
}
