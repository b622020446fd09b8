// The key that this page asks the service with, where it wants one: kept until the tab is closed, and shown nowhere.

import { element } from "./parts/dom.js";

const NAME = "credence-key";
let asking = null;

/** Return the key of this tab, or null. */
export function key() {
  return sessionStorage.getItem(NAME);
}

/** Ask for a key once, however many requests need one; the promise ends when there is one. */
export function askForKey(reason) {
  asking ??= new Promise((resolve) => show(reason, resolve)).finally(() => (asking = null));
  return asking;
}

function show(reason, resolve) {
  const field = element("input", { type: "password", id: "key", autocomplete: "off", required: true, spellcheck: "false" });
  const form = element(
    "form",
    {},
    element("label", { for: "key" }, "Key of this service"),
    field,
    element("p", { class: "problem", role: "alert" }, reason),
    element("button", { class: "primary", type: "submit" }, "Use this key"),
  );
  const dialog = element("dialog", { class: "key", "aria-label": "A key is needed" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // without a key there is nothing to see
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(NAME, field.value.trim());
    dialog.remove();
    resolve();
  });
  document.body.append(dialog);
  dialog.showModal();
}
