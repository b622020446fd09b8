// The state of an answer: being computed, there, or left over from another input because the last request failed.

import { element } from "./dom.js";
import { latest } from "./schedule.js";

const COMPUTING = "Computing…";
const LEFT_OVER = "Not of this input";

/**
 * Make a region that shows answers and says when they are not those of the input on show.
 *
 * @param {string} label
 * @param {object} attributes Of the region.
 * @returns {{element: HTMLElement, content: HTMLElement, problem: HTMLElement, tell: (message: string) => void,
 *   answering: (work: Function) => Function}} `content` is hidden until there is an answer. `answering` returns a function
 *   that runs `work` as `latest` does; the region is busy meanwhile, and told the error if it fails.
 */
export function answerRegion(label, attributes = {}) {
  const problem = element("p", { class: "problem", role: "alert" });
  const state = element("p", { class: "working", "aria-hidden": "true" }, COMPUTING);
  const content = element("div", { class: "answer-content", hidden: true });
  const region = element("section", { class: "card answer", "aria-label": label, ...attributes }, state);
  let running = 0;

  /** Show a problem; the answer on show, if any, is of another input. */
  function tell(message) {
    problem.textContent = message;
    region.classList.toggle("stale", !content.hidden);
    state.textContent = LEFT_OVER;
  }

  function answering(work) {
    return latest(async (...given) => {
      running += 1;
      region.setAttribute("aria-busy", "true");
      region.classList.remove("stale");
      state.textContent = COMPUTING;
      try {
        await work(...given);
        problem.textContent = "";
        content.hidden = false;
      } catch (error) {
        tell(error.message);
      } finally {
        running -= 1;
        if (!running) region.removeAttribute("aria-busy");
      }
    });
  }
  return { element: region, content, problem, tell, answering };
}
