// Read-out of one pixel: its place, its classes as bars, its entropy in two parts.

import { shareBars } from "./bars.js";
import { element } from "./dom.js";
import { entropySplit } from "./entropy_split.js";

/**
 * @param {string[]} classes
 * @param {string[]} colours Of the classes.
 * @returns {{element: HTMLElement, set: (pixel: object) => void}} `pixel`: `y`, `x`, `probabilities`, and in nats
 *   `total`, `aleatoric` and `epistemic`, the last `null` with a single draw; `probabilities` are `null` where only the
 *   most probable class, `winner`, was asked for.
 */
export function pixelReadout(classes, colours) {
  const place = element("p", { class: "pixel-place" });
  const bars = shareBars(classes);
  [...bars.element.children].forEach((row, i) => row.style.setProperty("--share", colours[i]));
  const entropy = entropySplit(Math.log(classes.length));

  function set(pixel) {
    place.textContent = `Row ${pixel.y + 1}, column ${pixel.x + 1}`;
    bars.element.hidden = !pixel.probabilities;
    if (pixel.probabilities) bars.set(pixel.probabilities);
    else place.textContent += `: ${classes[pixel.winner]}`;
    entropy.set(pixel);
  }

  const frame = element("div", { class: "pixel-readout" }, place, entropy.element, bars.element);
  return { element: frame, set };
}
