// Read-out of one pixel: its place, and for each target the prediction with its deviation and the two kinds of doubt.

import { element } from "../../parts/dom.js";
import { inUnit, numberBlock } from "../../parts/number_block.js";
import { nameAndUnit, written } from "../../parts/words.js";

/**
 * @param {string[]} targets Names of the targets, with units.
 * @returns {{element: HTMLElement, set: (answer: object, y: number, x: number) => string}} `set` returns what it shows,
 *   in words.
 */
export function pixelNumbers(targets) {
  const place = element("p", { class: "pixel-place" });
  const blocks = element("div", { class: "number-answers" });

  function set(answer, y, x) {
    const pixels = targets.map((target, i) => pixel(target, (name) => answer[name]?.[0][y][x][i] ?? null));
    place.textContent = `Row ${y + 1}, column ${x + 1}`;
    blocks.replaceChildren(...pixels.map(({ target, said, variances }) => numberBlock(target, said, variances)));
    return `${place.textContent}: ${pixels.map(({ target, said }) => `${nameAndUnit(target).name} ${said}`).join(", ")}`;
  }
  return { element: element("div", { class: "pixel-numbers" }, place, blocks), set };
}

function pixel(target, at) {
  const variances = { aleatoric: at("aleatoric_variance"), epistemic: at("epistemic_variance") };
  const known = Object.values(variances).filter((one) => one !== null);
  const value = inUnit(target);
  const deviation = value(Math.sqrt(known.reduce((sum, one) => sum + one, 0)));
  return { target, variances, said: known.length ? `${written(at("mean"))} ± ${deviation}` : value(at("mean")) };
}
