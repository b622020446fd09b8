// How to ask a model that no view draws: what a row is, the formats, and a line for the shell that works as it stands.

import { codeBlock } from "../parts/code_block.js";
import { element } from "../parts/dom.js";
import { askingCommand } from "./asking/command.js";
import { answerOf, formatsOf, rowOf } from "./asking/words.js";

/** Show how to ask a model. */
export function show(root, model) {
  const facts = { "A row": rowOf(model), Formats: formatsOf(model), "An answer": answerOf(model) };
  const list = Object.entries(facts).flatMap(([name, said]) => [element("dt", {}, name), element("dd", {}, said)]);
  root.append(
    element(
      "section",
      { class: "card asking request", "aria-label": "How to ask it" },
      element("h2", {}, "How to ask it"),
      element("p", {}, "No view of this page draws such a model; the service answers it like any other."),
      element("dl", {}, ...list),
      element("p", { class: "meaning" }, "This line sends a row of values that the model takes, and works as it stands:"),
      codeBlock("curl", askingCommand(model, location.origin)),
    ),
  );
  return () => {};
}
