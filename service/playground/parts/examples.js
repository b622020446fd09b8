// Example inputs of a model, which it was not trained on.

import { ask } from "../api.js";

/** @returns {Promise<{inputs: any[], targets: any[] | null}>} Empty if the service shows none. */
export async function examplesOf(model) {
  try {
    return (await ask(`/models/${model.name}/examples`, { method: "GET" })).data;
  } catch {
    return { inputs: [], targets: null };
  }
}
