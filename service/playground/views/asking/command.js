// A line for a shell that asks a model for one row, of values that the catalogue says it takes.

import { quoted } from "../../api.js";
import { rowText } from "./row_text.js";

const MOST_NUMBERS = 1000; // of an answer that is read in a terminal
const USUAL_DRAWS = 50;
const JSON_BYTES = 2; // of one of many equal digits, with its comma
const NPY_HEADER = 128;

/** Return the line; `host` is where the service is. */
export function askingCommand(model, host) {
  const size = (model.inputs.shape ?? []).reduce((product, side) => product * side, 1);
  const large = model.inputs.kind !== "parts" && !model.takes && JSON_BYTES * size > model.limits.json_bytes;
  return large ? `${npyText(model.inputs.shape, size)} |\n  ${curl(model, host, "application/x-npy")}` : jsonCommand(model, host);
}

/** Many equal values are written by the shell itself, since nobody reads them. */
function jsonCommand(model, host) {
  const { text, many } = rowText(model);
  if (!many.length) return curl(model, host, "application/json", quoted(text));
  const values = many.map(({ value, count }) => `"$(yes ${value} | head -n ${count} | paste -sd, -)"`);
  return `printf ${quoted(text)} ${values.join(" ")} |\n  ${curl(model, host, "application/json")}`;
}

/** Return a command that writes a row of zeros as bytes, for rows that are larger than JSON may be. */
function npyText(shape, size) {
  const header = `{"descr": "|u1", "fortran_order": False, "shape": (1, ${shape.join(", ")}), }`;
  const start = `\\223NUMPY\\1\\0\\${NPY_HEADER.toString(8)}\\0%-${NPY_HEADER - 1}s\\n`;
  return `{ printf ${quoted(start)} ${quoted(header)}; head -c ${size} /dev/zero; }`;
}

function curl(model, host, type, content = "@-") {
  const wide = (model.classes ?? model.targets).length * (model.positions ?? []).reduce((product, side) => product * side, 1);
  const answer = wide > MOST_NUMBERS ? ["-H 'Accept: application/x-npz'", "-o answer.npz"] : [];
  return [`curl -X POST ${quoted(address(model, host))}`, `-H 'Content-Type: ${type}'`, ...answer, `--data-binary ${content}`].join(" \\\n  ");
}

function address({ name, route, takes, limits }, host) {
  const url = new URL(route, host);
  if (takes) return url.href;
  url.searchParams.set("model", name);
  if (limits.rows_times_draws < USUAL_DRAWS) url.searchParams.set("samples", limits.rows_times_draws);
  return url.href;
}
