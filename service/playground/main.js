// The page: a choice of model from the catalogue, and the view of its task.

import { ask } from "./api.js";
import { element } from "./parts/dom.js";
import { cautions, modelCard } from "./parts/model_card.js";
import { outcomesCard } from "./views/outcomes.js";

const VIEWS = {
  classification: "Classification",
  regression: "Regression",
  segmentation: "Segmentation",
  generation: "Generation",
};
const TABLE_TASKS = ["classification", "regression"];
const PATIENCE = 2000;

const choice = document.getElementById("model");
const about = document.getElementById("about");
const root = document.getElementById("view");
let free = () => {};
let opened = 0;

async function open({ name, version }) {
  const mine = (opened += 1);
  free();
  free = () => {};
  const place = element("div", { class: "place", "aria-busy": "true" }, element("p", { class: "working", "aria-hidden": "true" }, "Opening…"));
  root.replaceChildren(place);
  const model = (await ask(`/models/${encodeURIComponent(name)}`, { method: "GET", query: { version } })).data;
  if (mine !== opened) return;
  about.textContent = [VIEWS[model.task], model.method, model.network, `data: ${model.data}`]
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

/** Return the view of a model: tables whose columns are known have their own, whatever is predicted. */
function viewOf({ task, inputs }) {
  return inputs?.kind === "table" && inputs.table && TABLE_TASKS.includes(task) ? "table" : task;
}

/** Return whether a view draws a model: none draws volumes, several inputs, or numbers at every pixel. */
function isDrawn({ task, inputs, takes, positions }) {
  return !takes && !["volume", "parts"].includes(inputs?.kind) && !(task === "regression" && positions?.length > 1);
}

async function start() {
  const { models } = (await ask("/models", { method: "GET" })).data;
  const newest = models.filter(({ name, version }) =>
    models.every((other) => other.name !== name || Number(other.version) <= Number(version)),
  );
  const shown = Object.keys(VIEWS).flatMap((task) => newest.filter((model) => model.task === task && isDrawn(model)));
  const others = newest.filter((model) => !shown.includes(model));
  if (!shown.length) {
    const none = others.length ? `No view here shows ${others.map(({ name }) => name).join(", ")}; the API does.` : "No model is loaded.";
    tell(new Error(`${none} This page looks again every two seconds; GET /models lists the refused ones with their reasons.`));
    setTimeout(() => start().catch(tell), PATIENCE);
    return;
  }
  choice.append(
    ...Object.entries(VIEWS).map(([task, label]) =>
      element(
        "optgroup",
        { label },
        ...shown.filter((one) => one.task === task).map((one) => element("option", { value: one.name }, one.name)),
      ),
    ),
  );
  if (others.length) {
    const names = others.map(({ name }) => element("option", { disabled: true }, name));
    choice.append(element("optgroup", { label: "No view here; use the API" }, ...names));
  }
  root.replaceChildren();
  const follow = () => {
    const model = shown.find((one) => `#${one.name}` === decodeURIComponent(location.hash)) ?? shown[0];
    choice.value = model.name;
    open(model).catch(tell);
  };
  choice.addEventListener("change", () => (location.hash = choice.value));
  addEventListener("hashchange", follow);
  follow();
}

function tell(error) {
  root.replaceChildren(element("p", { class: "problem", role: "alert" }, error.message));
}

start().catch(tell);
