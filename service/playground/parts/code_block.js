// Lines of code, ready to be copied.

import { element } from "./dom.js";

/** Return a block of code with its title; attributes are those of the code. */
export function codeBlock(title, content, attributes = {}) {
  const text = element("code", attributes, content);
  const copy = element("button", { type: "button", class: "quiet" }, `Copy ${title}`);
  copy.addEventListener("click", () => navigator.clipboard.writeText(text.textContent));
  const place = { tabindex: "0", role: "region", "aria-label": title };
  return element("div", { class: "request-block" }, copy, element("pre", place, text));
}
