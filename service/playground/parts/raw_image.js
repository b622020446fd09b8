// Raw images, `(channels, height, width)` as in requests, on a canvas.

import { paintPixels } from "./heat.js";

/** Paint an image whose pixels are from `low` to `high`: grey, or in its three colours. */
export function paintImage(canvas, image, low, high) {
  const byte = (value) => (255 * (value - low)) / (high - low);
  const channels = image.length === 3 ? image : [image[0], image[0], image[0]];
  const [height, width] = [image[0].length, image[0][0].length];
  paintPixels(canvas, height, width, (y, x) => channels.map((channel) => byte(channel[y][x])));
}
