// Example inputs of a model, which it was not trained on.

import { ask } from "../api.js";

/**
 * @returns {Promise<{inputs: any[], records?: any[], targets: any[] | null}>} Empty if the service shows none; `records`
 *   are the same rows by the names of their columns; at least one for a table whose columns are known.
 */
export async function examplesOf(model) {
  const example = model.example?.inputs; // what a table takes, where no rows of the data are shown
  try {
    const told = (await ask(`/models/${encodeURIComponent(model.name)}/examples`, { method: "GET" })).data;
    return { ...told, records: told.records?.length ? told.records : example };
  } catch {
    return { inputs: [], targets: null, records: example };
  }
}
