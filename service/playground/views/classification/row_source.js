// A row of a table, or a sequence of the data, for a classifier.

import { element } from "../../parts/dom.js";
import { examplesOf } from "../../parts/examples.js";
import { recordTable } from "../../parts/record_table.js";
import { rowsBody } from "../../parts/rows_body.js";
import { tableInputs } from "../../parts/table_inputs.js";

/** Return the same as `imageSource`, but for what turns. */
export async function rowSource(model, { changed }) {
  const { inputs, records } = await examplesOf(model);
  if (model.inputs.kind === "table") {
    const table = tableInputs(model.inputs, inputs, changed);
    return source(table.element, table.row, model.limits, changed);
  }
  const rows = inputs.length ? inputs : [middle(model.inputs)];
  const choice = element(
    "select",
    { "aria-label": "Sequence of the data" },
    ...rows.map((_, place) => element("option", { value: place }, `held-out sequence ${place + 1}`)),
  );
  if (!records) {
    choice.addEventListener("change", changed);
    return source(choice, () => rows[Number(choice.value)], model.limits, changed);
  }
  const content = recordTable();
  const see = () => {
    content.show(records[Number(choice.value)]);
    changed();
  };
  choice.addEventListener("change", see);
  return source(element("div", {}, choice, content.element), () => records[Number(choice.value)], model.limits, see);
}

function source(frame, row, limits, start) {
  return { element: frame, body: () => rowsBody([row()], limits), place: () => 0, answered() {}, start };
}

/** Return a sequence of the data's mean, for services that show no examples. */
function middle({ kind, shape: [steps], mean }) {
  return Array.from({ length: steps }, () => (kind === "tokens" ? mean[0] : mean));
}
