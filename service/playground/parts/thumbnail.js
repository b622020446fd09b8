// An image of a model, enlarged pixel by pixel.

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

/** Show another picture in the same place. */
export function fill(image, content) {
  image.src = `data:image/png;base64,${content}`;
}

/** Have the browser save what an answer holds. */
export function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
