// What a model says of one pixel: where it is, its classes as bars, its entropy in two parts.

import { shareBars } from "./bars.js";
import { element } from "./dom.js";

/**
 * @param {string[]} classes
 * @param {string[]} colours Of the classes.
 * @returns {{element: HTMLElement, set: (pixel: object) => void}} `pixel`: `y`, `x`, `probabilities`, and in nats
 *   `total`, `aleatoric` and `epistemic`, the last `null` where there is one draw alone.
 */
export function pixelReadout(classes, colours) {
  const place = element("p", { class: "pixel-place" });
  const bars = shareBars(classes);
  [...bars.element.children].forEach((row, i) => row.style.setProperty("--share", colours[i]));
  const numbers = Object.fromEntries(["total", "aleatoric", "epistemic"].map((name) => [name, element("dd", {})]));
  const parts = ["aleatoric", "epistemic"].map((name) => element("span", { class: `entropy-${name}` }));
  const split = element("div", { class: "entropy-split", "aria-hidden": "true" }, ...parts);
  const terms = { total: "entropy", aleatoric: "of it aleatoric", epistemic: "of it epistemic" };
  const list = Object.entries(terms).map(([name, term]) =>
    element("div", { class: `entropy-line ${name}` }, element("dt", {}, term), numbers[name]),
  );
  const most = Math.log(classes.length);

  function set(pixel) {
    place.textContent = `Row ${pixel.y + 1}, column ${pixel.x + 1}`;
    bars.set(pixel.probabilities);
    for (const [name, output] of Object.entries(numbers)) {
      output.textContent = pixel[name] === null ? "not known of one draw" : `${pixel[name].toFixed(3)} nats`;
    }
    parts[0].style.width = `${(100 * pixel.aleatoric) / most}%`;
    parts[1].style.width = `${(100 * (pixel.epistemic ?? 0)) / most}%`;
  }

  const entropy = element("div", { class: "pixel-entropy" }, element("dl", {}, ...list), split);
  const frame = element("div", { class: "pixel-readout" }, place, entropy, bars.element);
  return { element: frame, set };
}
