// Images on a canvas, as a model sees them.

import { paintPixels } from "./heat.js";

/** Paint a raw image, `(channels, height, width)`, whose pixels are from `low` to `high`: grey, or in its three colours. */
export function paintImage(canvas, image, low, high) {
  const byte = (value) => (255 * (value - low)) / (high - low);
  const channels = image.length === 3 ? image : [image[0], image[0], image[0]];
  const [height, width] = [image[0].length, image[0][0].length];
  paintPixels(canvas, height, width, (y, x) => channels.map((channel) => byte(channel[y][x])));
}

/** Paint a photograph as the service will see it: resized to the model's pixels, grey if it has one channel. */
export function paintPhotograph(canvas, bitmap, [channels, height, width]) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  if (channels === 1) context.filter = "grayscale(1)";
  context.drawImage(bitmap, 0, 0, width, height);
}
