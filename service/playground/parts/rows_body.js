// Raw rows as the body of a request: as JSON, or in NumPy's .npy format if they are too many for that.

const JSON_BYTES = 20; // of one number, at most

const HEADER_BYTES = 118; // with the ten before it, a multiple of 64
const START = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, HEADER_BYTES, 0];

/** Return what to send of rows of one shape, nested lists of numbers, within the `limits` of a model. */
export function rowsBody(rows, { json_bytes }) {
  const numbers = shapeOf(rows).reduce((product, side) => product * side);
  return numbers * JSON_BYTES > json_bytes ? npyFile(rows) : { inputs: rows };
}

/** Return rows as a file of 32-bit floats. */
function npyFile(rows) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shapeOf(rows).join(", ")},), }`;
  const values = Float32Array.from(rows.flat(Infinity));
  const parts = [new Uint8Array(START), `${header.padEnd(HEADER_BYTES - 1)}\n`, values];
  return new File(parts, "rows.npy", { type: "application/x-npy" });
}

function shapeOf(rows) {
  return Array.isArray(rows) ? [rows.length, ...shapeOf(rows[0])] : [];
}
