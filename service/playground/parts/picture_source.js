// A picture for a model that answers at every pixel: an example, with noise added if wanted, or a file of one's own.

import { disturbed } from "./disturb.js";
import { exampleChoice } from "./example_choice.js";
import { pictureUpload } from "./picture_upload.js";
import { paintImage, paintPhotograph } from "./raw_image.js";
import { rowsBody } from "./rows_body.js";
import { percent, slider } from "./slider.js";

/**
 * @param {object} model Entry of the catalogue with its limits.
 * @param {HTMLCanvasElement} canvas Shows the picture.
 * @param {{changed: () => void, failed: (message: string) => void}} told
 * @returns {Promise<{controls: HTMLElement[], upload: HTMLElement, body: () => object | Blob, start: () => void}>}
 */
export async function pictureSource(model, canvas, { changed, failed }) {
  const { low, high, shape } = model.inputs;
  let source = null;

  const noise = slider("Noise added", { min: 0, max: 0.5, step: 0.01, value: 0 }, percent, () => take(source));
  const examples = await exampleChoice(model, { low, high }, (raw) => take({ raw }));
  const upload = pictureUpload(
    { multiple: false, most: model.limits.picture_bytes },
    ([{ content, bitmap }]) => {
      examples.release();
      take({ file: content, bitmap });
    },
    failed,
  );

  function take(next) {
    source = next;
    noise.element.hidden = !next.raw;
    if (next.raw) paintImage(canvas, seen(), low, high);
    else if (next.bitmap) paintPhotograph(canvas, next.bitmap, shape);
    changed();
  }

  function seen() {
    return disturbed(source.raw, noise.value(), { low, high });
  }

  const body = () => source.file ?? rowsBody([seen()], model.limits);
  const start = () => (examples.inputs.length ? examples.choose(0) : take({ raw: ramp(model.inputs) }));
  return { controls: [examples.element, noise.element], upload: upload.element, body, start };
}

/** Return an image to start with if there is no example: a ramp from the darkest to the brightest. */
function ramp({ low, high, shape: [channels, height, width] }) {
  const row = Array.from({ length: width }, (_, x) => low + ((high - low) * x) / Math.max(1, width - 1));
  return Array.from({ length: channels }, () => Array.from({ length: height }, () => row));
}
