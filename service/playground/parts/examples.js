// Example inputs of a model, which it was not trained on.

import { ask } from "../api.js";

/**
 * @returns {Promise<{inputs: any[], records?: any[], targets: any[] | null}>} Empty if the service shows none; `records`
 *   are the same rows by the names of their columns.
 */
export async function examplesOf(model) {
  try {
    return (await ask(`/models/${encodeURIComponent(model.name)}/examples`, { method: "GET" })).data;
  } catch {
    return { inputs: [], targets: null };
  }
}
