// The page: a model from the catalogue, and the view of its task.

import { ask } from "./api.js";
import { element } from "./parts/dom.js";

const VIEWS = ["generation", "segmentation"];

const choice = document.getElementById("model");
const root = document.getElementById("view");
let free = () => {};

async function open(model) {
  free();
  free = () => {};
  root.replaceChildren();
  const view = await import(`./views/${model.task}.js`);
  free = await view.show(root, model);
}

async function start() {
  const { models } = (await ask("/models", { method: "GET" })).data;
  const shown = models.filter((model) => VIEWS.includes(model.task));
  choice.append(...shown.map((model) => element("option", { value: model.name }, model.name)));
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
