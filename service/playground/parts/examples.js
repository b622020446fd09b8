// Inputs of the data that a model was trained for.

import { ask } from "../api.js";

/** @returns {Promise<{inputs: any[], targets: any[] | null}>} Empty where the service shows none. */
export async function examplesOf(model) {
  try {
    return (await ask(`/models/${model.name}/examples`, { method: "GET" })).data;
  } catch {
    return { inputs: [], targets: null };
  }
}
