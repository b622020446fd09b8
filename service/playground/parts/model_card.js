// A model's card: its cautions at the top of the page, and all of it to open below the view.

import { element } from "./dom.js";
import { markdown } from "./markdown.js";

const CAUTION = /^> \*\*Caution\.?\*\* *(.+)$/gm;

/** Return the sentences of a card on what is bad about the model; nothing if there are none. */
export function cautions({ card }) {
  const sentences = [...card.matchAll(CAUTION)].map(([, sentence]) => sentence);
  if (!sentences.length) return [];
  const items = sentences.map((sentence) => element("li", {}, sentence));
  return [element("aside", { class: "cautions", "aria-label": "Cautions" }, element("strong", {}, "Be careful with this model"), element("ul", {}, ...items))];
}

/** Return the card, closed; its pictures are asked for when it is opened. */
export function modelCard({ name, version, card }) {
  const address = (file) => `/models/${encodeURIComponent(name)}/pictures/${file}?version=${version}`;
  const text = element("article", { class: "markdown" }, ...markdown(card, address));
  return element("details", { class: "card model-card" }, element("summary", {}, "The model's card: what it learnt from, and how good it is"), text);
}
