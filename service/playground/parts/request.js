// The request behind an answer, ready to be copied, and the time it took.

import { codeBlock } from "./code_block.js";
import { element } from "./dom.js";

const LANGUAGES = { curl: "curl", python: "Python" };

/** Show an exchange of `ask`, open if the one before it in the same frame was open. */
export function showRequest(root, exchange) {
  if (!root.firstChild) root.append(frame());
  root.querySelector(".request-time").textContent =
    `${exchange.server.compute.toFixed(1)} ms on the server, ${exchange.milliseconds.toFixed(0)} ms in all`;
  for (const name of Object.keys(LANGUAGES)) root.querySelector(`[data-language=${name}]`).textContent = exchange[name];
}

function frame() {
  const summary = element(
    "summary",
    {},
    element("span", {}, "The request"),
    element("span", { class: "request-time" }),
  );
  const blocks = Object.entries(LANGUAGES).map(([name, title]) => codeBlock(title, "", { "data-language": name }));
  return element("details", { class: "card request" }, summary, ...blocks);
}
