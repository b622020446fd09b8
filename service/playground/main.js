// The page: a choice of model from the catalogue, and the view of its task.

import { ask } from "./api.js";
import { element } from "./parts/dom.js";

const VIEWS = {
  classification: "Classification",
  regression: "Regression",
  segmentation: "Segmentation",
  generation: "Generation",
};
const PATIENCE = 2000;

const choice = document.getElementById("model");
const about = document.getElementById("about");
const root = document.getElementById("view");
let free = () => {};
let opened = 0;

async function open(model) {
  const mine = (opened += 1);
  free();
  free = () => {};
  const place = element("div", {});
  root.replaceChildren(place);
  about.textContent = [VIEWS[model.task], model.method, model.network, `data: ${model.data}`]
    .filter(Boolean)
    .join(" · ");
  document.title = `${model.name} · Credence`;
  const view = await import(`./views/${model.task}.js`);
  const done = await view.show(place, model);
  if (mine === opened) free = done;
  else done();
}

async function start() {
  const { models } = (await ask("/models", { method: "GET" })).data;
  const newest = models.filter(({ name, version }) =>
    models.every((other) => other.name !== name || Number(other.version) <= Number(version)),
  );
  const shown = Object.keys(VIEWS).flatMap((task) => newest.filter((model) => model.task === task));
  if (!shown.length) {
    tell(new Error("No model is loaded. This page looks again every two seconds; GET /models lists the refused ones with their reasons."));
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
