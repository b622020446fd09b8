// Generation: one view for every family, built from the controls and operations that the catalogue lists for it.

import { ask } from "../api.js";
import { answerRegion } from "../parts/answering.js";
import { element } from "../parts/dom.js";
import { latentControls } from "../parts/latent_controls.js";
import { showRequest } from "../parts/request.js";
import { tabs } from "../parts/tabs.js";
import { download } from "../parts/thumbnail.js";
import { between } from "./generation/between.js";
import { grid } from "./generation/grid.js";
import { mix } from "./generation/mix.js";
import { plane, planeControl } from "./generation/plane.js";
import { read } from "./generation/read.js";
import { sheet } from "./generation/sheet.js";

const MODES = [
  { name: "sheet", title: "Images", open: sheet, offered: () => true },
  { name: "plane", title: "Plane", open: plane, offered: (model) => planeControl(model.controls) !== undefined },
  { name: "grid", title: "Grid", open: grid, offered: offers("traverse") },
  { name: "between", title: "Between", open: between, offered: offers("interpolate") },
  { name: "mix", title: "Mix", open: mix, offered: offers("mix") },
  { name: "read", title: "Read", open: read, offered: (model) => offers("encode")(model) || offers("project")(model) },
];

const ROUTES = {
  generate: "/generate/{family}",
  encode: "/encode/{family}",
  reconstruct: "/reconstruct/{family}",
  project: "/project/{family}",
};
/** All other operations are below the route of `generate`. */

/** Show the view of a generative model, and return a function that frees it. */
export async function show(root, model) {
  const region = answerRegion("Images", { class: "card answer work" });
  const requestFrame = element("div", { class: "request-frame" });
  let refresh = () => {};
  let closed = { now: true };
  const panel = latentControls(model.controls, () => refresh());
  const memory = { first: 0, seed: 0 };
  const chooser = tabs(
    "Ways of making images",
    MODES.filter((mode) => mode.offered(model)),
    (name, place) => {
      closed.now = true;
      closed = { now: false };
      panel.tell({});
      const mode = MODES.find((one) => one.name === name);
      refresh = mode.open(place, bench(closed));
    },
  );

  /** Return the tools of a mode; once the mode is closed, late answers to it are dropped. */
  function bench(mine) {
    function live(make) {
      return region.answering(async () => {
        const exchange = await make().catch((error) => {
          if (!mine.now) throw error;
        });
        if (exchange && !mine.now) showRequest(requestFrame, exchange);
      });
    }
    return {
      model,
      limit: model.limits.images,
      panel,
      memory,
      live,
      open: (name) => chooser.choose(name),
      closed: () => mine.now,
      ask: (operation, body, accept) => request(model, operation, body, accept),
      downloads: (operation, body, title) => downloads(model, operation, body, live, title),
    };
  }

  region.element.append(chooser.list, region.problem, chooser.panel, region.content);
  root.append(
    element(
      "div",
      { class: "generation" },
      element(
        "section",
        { class: "card code-panel", "aria-label": "Latent code" },
        element("h2", {}, "Code"),
        panel.element,
      ),
      region.element,
      requestFrame,
    ),
  );
  chooser.choose(planeControl(model.controls)?.size === 2 ? "plane" : "sheet");
  return () => {
    closed.now = true;
  };
}

function offers(operation) {
  return (model) => model.operations.includes(operation);
}

function request(model, operation, body, accept = "application/json") {
  const route = ROUTES[operation] ?? `/generate/{family}/${operation}`;
  return ask(route.replace("{family}", model.family), { query: { model: model.name }, body, accept });
}

/** Return buttons that repeat the request and save its answer, as one picture or as an array. */
function downloads(model, operation, body, live, title = "Download") {
  const kinds = { PNG: "image/png", npy: "application/x-npy" };
  const buttons = Object.entries(kinds).map(([kind, accept]) => {
    const button = element("button", { type: "button", class: "quiet", "aria-label": `Download ${kind}` }, kind);
    button.addEventListener(
      "click",
      live(async () => {
        const exchange = await request(model, operation, body(), accept);
        download(exchange.blob, `${model.name}-${operation}.${kind.toLowerCase()}`);
        return exchange;
      }),
    );
    return button;
  });
  return element("div", { class: "downloads" }, element("span", {}, title), ...buttons);
}
