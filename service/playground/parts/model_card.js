// A model's card: its cautions at the top of the page, and all of it to open below the view.

import { ask } from "../api.js";
import { key } from "../key.js";
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
export function modelCard({ name, version, card: content }) {
  const address = (file) => `/models/${encodeURIComponent(name)}/pictures/${file}?version=${version}`;
  const text = element("article", { class: "markdown" }, ...markdown(content, address));
  const summary = element("summary", {}, "The model's card: what it learnt from, and how good it is");
  const card = element("details", { class: "card model-card" }, summary, text);
  if (key()) withKey(card, [...text.querySelectorAll("img")]);
  return card;
}

/** Ask for pictures with the key, as a browser does not by itself, once the card is opened. */
function withKey(opened, images) {
  const addresses = images.map((image) => image.getAttribute("src"));
  images.forEach((image) => image.removeAttribute("src"));
  const show = async (image, address) => {
    const { blob } = await ask(address, { method: "GET", accept: "image/png" });
    image.src = URL.createObjectURL(blob);
  };
  opened.addEventListener("toggle", () => images.forEach((image, i) => show(image, addresses[i]).catch(() => {})), { once: true });
}
