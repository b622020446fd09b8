// A generated image, enlarged pixel by pixel.

import { element } from "./dom.js";

/**
 * @param {string} description For who cannot see it; empty if its neighbours say it.
 * @param {string} [content] Base64 of a PNG.
 */
export function thumbnail(description, content) {
  const image = element("img", { class: "pixels", alt: description, draggable: "false" });
  if (content) fill(image, content);
  return image;
}

/** Show another picture in a thumbnail. */
export function fill(image, content) {
  image.src = `data:image/png;base64,${content}`;
}

/** Save an answer as a file. */
export function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
