// Tabs that show one of several panels, chosen by click, arrow keys, Home and End.

import { element } from "./dom.js";

/**
 * @param {string} label What is chosen.
 * @param {{name: string, title: string}[]} entries
 * @param {(name: string, panel: HTMLElement) => void} open Fills the panel, which is empty.
 * @returns {{list: HTMLElement, panel: HTMLElement, choose: (name: string) => void}}
 */
export function tabs(label, entries, open) {
  const panel = element("div", { class: "tab-panel", role: "tabpanel", id: "tab-panel", tabindex: "-1" });
  const buttons = entries.map(({ name, title }) =>
    element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "tab-panel" }, title),
  );
  const list = element("div", { class: "tabs", role: "tablist", "aria-label": label }, ...buttons);

  function choose(name) {
    entries.forEach((entry, i) => {
      const chosen = entry.name === name;
      buttons[i].setAttribute("aria-selected", String(chosen));
      buttons[i].tabIndex = chosen ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", `tab-${name}`);
    panel.replaceChildren();
    open(name, panel);
  }

  buttons.forEach((button, i) => button.addEventListener("click", () => choose(entries[i].name)));
  list.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(document.activeElement);
    const last = buttons.length - 1;
    const to = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now ? now - 1 : last, Home: 0, End: last }[
      event.key
    ];
    if (to === undefined || now < 0) return;
    event.preventDefault();
    buttons[to].focus();
    choose(entries[to].name);
  });
  return { list, panel, choose };
}
