// Search for the style of an image: a job of the service, polled until it is done.

import { ask } from "../../api.js";
import { element } from "../../parts/dom.js";
import { fill, thumbnail } from "../../parts/thumbnail.js";

const PAUSE_MILLISECONDS = 150;

/**
 * @param {object} bench
 * @param {() => number[][][] | null} image The raw image to search for.
 * @returns {HTMLElement}
 */
export function styleSearch(bench, image) {
  const start = element("button", { type: "button", class: "primary" }, "Find its style");
  const progress = element("progress", { max: 1, value: 0, "aria-label": "Search", hidden: true });
  const found = thumbnail("Image of the style that was found");
  const loss = element("figcaption", {}, "");
  const use = element("button", { type: "button", hidden: true }, "Use this style as w");
  let style = null;

  const search = bench.live(async () => {
    const exchange = await bench.ask("project", { inputs: [image()] });
    let job = exchange.data;
    progress.hidden = false;
    while (["queued", "running"].includes(job.state) && !bench.closed()) {
      progress.value = job.progress;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      job = (await ask(`/jobs/${job.id}`, { method: "GET" })).data;
    }
    progress.hidden = true;
    if (job.state !== "done") throw new Error(job.detail ?? `the search is ${job.state}`);
    style = job.w;
    fill(found, job.image);
    loss.textContent = `found, with a loss of ${job.loss.toPrecision(2)}`;
    use.hidden = false;
    return exchange;
  });

  start.addEventListener("click", search);
  use.addEventListener("click", () => {
    bench.panel.set("w", style);
    bench.open("sheet");
  });
  return element("div", { class: "search" }, start, progress, element("figure", {}, found, loss), use);
}
