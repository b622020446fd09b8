// The page: a choice of model from the catalogue, and the view of its task.

import { ask } from "./api.js";
import { element } from "./parts/dom.js";
import { withEachFeature } from "./parts/features.js";
import { cautions, modelCard } from "./parts/model_card.js";
import { TASKS, viewOf } from "./views/choice.js";
import { outcomesCard } from "./views/outcomes.js";

const PATIENCE = 2000;

const choice = document.getElementById("model");
const about = document.getElementById("about");
const root = document.getElementById("view");
let shown = [];
let free = () => {};
let opened = 0;

async function open({ name, version }) {
  const mine = (opened += 1);
  free();
  free = () => {};
  const place = element("div", { class: "place", "aria-busy": "true" }, element("p", { class: "working", "aria-hidden": "true" }, "Opening…"));
  root.replaceChildren(place);
  const told = (await ask(`/models/${encodeURIComponent(name)}`, { method: "GET", query: { version } })).data;
  const model = { ...told, inputs: withEachFeature(told.inputs) };
  if (mine !== opened) return;
  about.textContent = [TASKS[model.task], model.method, model.network, `data: ${model.data}`]
    .filter(Boolean)
    .join(" · ");
  document.title = `${model.name} · Credence`;
  const view = await import(`./views/${viewOf(model)}.js`);
  const content = element("div", { class: "view" });
  const live = model.task === "generation" ? [] : [outcomesCard(model)];
  place.append(...cautions(model), content, ...live, modelCard(model));
  const done = await view.show(content, model);
  place.removeAttribute("aria-busy");
  place.querySelector(":scope > .working").remove();
  if (mine === opened) free = done;
  else done();
}

/** List every model, the newest version of each, by its task. */
async function list() {
  const { models } = (await ask("/models", { method: "GET" })).data;
  const newest = models.filter(({ name, version }) =>
    models.every((other) => other.name !== name || Number(other.version) <= Number(version)),
  );
  const tasks = [...new Set([...Object.keys(TASKS), ...newest.map(({ task }) => task)])];
  const groups = tasks.map((task) => ({ task, entries: newest.filter((one) => one.task === task) }));
  const before = names();
  shown = groups.flatMap(({ entries }) => entries);
  if (names() === before) return;
  const chosen = choice.value;
  choice.replaceChildren(...groups.filter(({ entries }) => entries.length).map(group));
  choice.value = chosen;
}

function group({ task, entries }) {
  const options = entries.map(({ name }) => element("option", { value: name }, name));
  return element("optgroup", { label: TASKS[task] ?? task }, ...options);
}

function names() {
  return JSON.stringify(shown.map(({ name }) => name));
}

async function start() {
  await list();
  if (!shown.length) {
    tell(new Error("No model is loaded. This page looks again every two seconds; GET /models lists the refused ones with their reasons."));
    setTimeout(() => start().catch(tell), PATIENCE);
    return;
  }
  root.replaceChildren();
  const follow = () => {
    const model = shown.find((one) => `#${one.name}` === decodeURIComponent(location.hash)) ?? shown[0];
    choice.value = model.name;
    open(model).catch(tell);
  };
  choice.addEventListener("change", () => (location.hash = choice.value));
  choice.addEventListener("focus", () => list().catch(() => {})); // models may have come since; a failure is told when one is opened
  addEventListener("hashchange", follow);
  follow();
}

function tell(error) {
  root.replaceChildren(element("p", { class: "problem", role: "alert" }, error.message));
}

start().catch(tell);
