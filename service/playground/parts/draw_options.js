// The two options of every prediction: how many draws to take, and the seed that repeats them.

import { element } from "./dom.js";
import { seedField } from "./seed_field.js";
import { slider } from "./slider.js";

const DRAWS = 50;
const PIXEL_DRAWS = { draws: 20, most: 60 };

/**
 * @param {number} most Largest number of draws.
 * @param {() => void} changed
 * @param {{draws?: number, fewest?: number}} start
 * @returns {{element: HTMLElement, query: () => {samples: number, seed: number}}}
 */
export function drawOptions(most, changed, { draws = DRAWS, fewest = 1 } = {}) {
  let seed = 0;
  const count = slider("Draws", { min: fewest, max: most, step: 1, value: draws }, String, changed);
  const choice = seedField("Seed", seed, (next) => {
    seed = next;
    changed();
  });
  const meaning = element(
    "p",
    { class: "meaning" },
    "Draws: how many versions of the model are asked; where they agree, it knows. A seed repeats the same ones.",
  );
  const options = element("div", { class: "mode-options" }, count.element, choice.element);
  return {
    element: element("div", { class: "draw-options" }, options, meaning),
    query: () => ({ samples: count.value(), seed }),
  };
}

/** Return the options for a model that answers at every pixel: fewer draws, and no more than the service takes. */
export function pixelDrawOptions({ limits }, changed) {
  const most = Math.max(1, Math.min(PIXEL_DRAWS.most, limits.rows_times_draws));
  return drawOptions(most, changed, { draws: Math.min(PIXEL_DRAWS.draws, most), fewest: Math.min(2, most) });
}
