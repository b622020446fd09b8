// A sheet of images, each with a seed of its own; the one that is chosen is shown alone and large.

import { element } from "../../parts/dom.js";
import { copySeed, seedField } from "../../parts/seed_field.js";
import { fill, thumbnail } from "../../parts/thumbnail.js";

const IMAGES = 16;
const IMAGES_ON_A_PHONE = 9;

export function sheet(root, bench) {
  const narrow = matchMedia("(max-width: 36rem)").matches;
  let images = Math.min(narrow ? IMAGES_ON_A_PHONE : IMAGES, bench.limit);
  let pinned = null;
  const first = seedField(
    "First seed",
    bench.memory.first,
    (seed) => {
      bench.memory.first = bench.memory.seed = seed;
      refresh();
    },
    "New seeds",
  );
  const count = element("input", { type: "number", min: 1, max: bench.limit, step: 1, value: images });
  count.addEventListener("input", () => {
    if (!count.checkValidity() || count.value === "") return;
    images = count.valueAsNumber;
    refresh();
  });
  const options = element(
    "div",
    { class: "mode-options" },
    element("label", {}, element("span", {}, "Images"), count),
    first.element,
  );
  const back = element("button", { type: "button" }, "Back to the sheet");
  back.addEventListener("click", () => pin(null));
  const large = element("div", { class: "pinned" });
  const tiles = element("ul", { class: "tiles" });
  root.append(options, tiles, large, bench.downloads("generate", body));
  root.addEventListener("keydown", (event) => event.key === "Escape" && pinned !== null && pin(null));

  function body() {
    const which = pinned === null ? { n: images, seed: bench.memory.first } : { seeds: [pinned] };
    return { ...which, codes: bench.panel.codes() };
  }

  const refresh = bench.live(async () => {
    const exchange = await bench.ask("generate", body());
    const { images: contents, seeds, codes } = exchange.data;
    if (pinned === null) paintSheet(contents, seeds);
    else if (seeds[0] === pinned) paintLarge(contents[0], codes);
    return exchange;
  });

  function paintSheet(contents, seeds) {
    while (tiles.children.length > seeds.length) tiles.lastChild.remove();
    seeds.forEach((seed, i) => {
      let tile = tiles.children[i];
      if (tile?.dataset.seed !== String(seed)) {
        const made = newTile(seed);
        if (tile) tile.replaceWith(made);
        else tiles.append(made);
        tile = made;
      }
      fill(tile.querySelector("img"), contents[i]);
    });
  }

  function newTile(seed) {
    const button = element("button", { type: "button", class: "tile" }, thumbnail(`Seed ${seed}, alone and large`));
    button.addEventListener("click", () => pin(seed));
    return element("li", { "data-seed": String(seed) }, button, copySeed(seed));
  }

  function paintLarge(content, codes) {
    bench.panel.tell(Object.fromEntries(Object.entries(codes).map(([name, values]) => [name, values[0]])));
    fill(large.querySelector("img"), content);
  }

  function pin(seed) {
    const left = pinned;
    pinned = seed;
    options.hidden = tiles.hidden = seed !== null;
    large.hidden = seed === null;
    if (seed === null) {
      bench.panel.tell({});
      tiles.querySelector(`[data-seed="${left}"] .tile`)?.focus();
    } else {
      const caption = element("figcaption", {}, element("span", {}, "seed "), copySeed(seed));
      large.replaceChildren(element("figure", {}, thumbnail(`Image of seed ${seed}`), caption), back);
      bench.memory.seed = seed;
      back.focus();
    }
    refresh();
  }

  large.hidden = true;
  refresh();
  return refresh;
}
