// Style mixing: the coarse, middle and fine styles of three seeds in one image.

import { element } from "../../parts/dom.js";
import { freshSeed, seedField } from "../../parts/seed_field.js";
import { fill, thumbnail } from "../../parts/thumbnail.js";

const LEVELS = { coarse: "shape and pose", middle: "parts", fine: "stroke and shade" };

export function mix(root, bench) {
  const seeds = { coarse: bench.memory.seed, middle: bench.memory.seed, fine: freshSeed() };
  const sources = {};
  const cards = Object.entries(LEVELS).map(([level, meaning]) => {
    const field = seedField(title(level), seeds[level], (seed) => {
      seeds[level] = seed;
      refresh();
    });
    sources[level] = thumbnail("");
    return element(
      "div",
      { class: "source" },
      sources[level],
      field.element,
      element("p", { class: "meaning" }, meaning),
    );
  });
  const large = thumbnail("");
  const caption = element("figcaption", {});
  root.append(
    element(
      "div",
      { class: "mixing" },
      element("div", { class: "sources" }, ...cards),
      element("figure", {}, large, caption),
    ),
    bench.downloads("mix", body),
  );

  function body() {
    return { ...seeds, codes: bench.panel.codes() };
  }

  const refresh = bench.live(async () => {
    const chosen = { ...seeds };
    const plain = { seeds: Object.values(chosen), codes: bench.panel.codes() };
    const [exchange, alone] = await Promise.all([bench.ask("mix", body()), bench.ask("generate", plain)]);
    fill(large, exchange.data.images[0]);
    caption.textContent = Object.entries(chosen)
      .map(([level, seed]) => `${level} ${seed}`)
      .join(" · ");
    large.alt = `Mixed image: ${caption.textContent}`;
    Object.entries(chosen).forEach(([level, seed], i) => {
      fill(sources[level], alone.data.images[i]);
      sources[level].alt = `Image of seed ${seed}, which gives the ${level} styles`;
    });
    return exchange;
  });

  refresh();
  return refresh;
}

function title(level) {
  return level[0].toUpperCase() + level.slice(1);
}
