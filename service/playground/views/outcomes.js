// What came true: live coverage, error and calibration of a model, asked for when the card is opened.

import { ask } from "../api.js";
import { element } from "../parts/dom.js";
import { outcomeCurves } from "./outcomes/curves.js";
import { figures, verdict } from "./outcomes/figures.js";
import { partsTables } from "./outcomes/parts_tables.js";

const PATIENCE = 5000;
const NONE =
  "No outcome is known yet. Send predictions with record=true, and later what came true to POST /outcomes, by the X-Request-ID of the answer and the number of the row.";

/** Return the card, closed; while it is open it follows the outcomes that are reported. */
export function outcomesCard({ name, version, task, targets }) {
  const problem = element("p", { class: "problem", role: "alert" });
  const content = element("div", {});
  const title = element("summary", {}, "What came true: coverage, error and calibration on reported outcomes");
  const card = element("details", { class: "card outcomes" }, title, problem, content);
  const choice = element("select", {});
  const kind = { isRegression: task === "regression", unit: targets?.length === 1 ? targets[0] : null };
  let shown = "";

  async function load() {
    try {
      const path = `/outcomes/${encodeURIComponent(name)}`;
      const { data } = await ask(path, { method: "GET", query: { version } });
      problem.textContent = "";
      const state = JSON.stringify(data);
      if (state !== shown) show(data);
      shown = state;
    } catch (error) {
      problem.textContent = error.message;
    }
    setTimeout(() => card.open && card.isConnected && load(), PATIENCE);
  }

  /** Show the stream that is chosen, or the one with most outcomes. */
  function show({ streams }) {
    if (!streams.length) {
      content.replaceChildren(element("p", {}, NONE));
      return;
    }
    const titles = streams.map(titleOf);
    const chosen = Math.max(0, titles.indexOf(choice.value));
    choice.replaceChildren(...titles.map((one) => element("option", {}, one)));
    choice.value = titles[chosen];
    choice.onchange = () => show({ streams });
    const stream = streams[chosen];
    const label = element("label", { class: "stream-choice", hidden: streams.length < 2 }, "Sets ", choice);
    const curves = outcomeCurves(kind);
    content.replaceChildren(label, verdict(stream), figures(stream, kind), curves.element, ...partsTables(stream, kind));
    curves.set(stream);
  }

  card.addEventListener("toggle", () => card.open && load());
  return card;
}

function titleOf({ level, method }) {
  return level === null ? "answers without sets" : `${method}, ${100 * level} %`;
}
