// Rows in NumPy's .npy format, which may be larger than JSON.

const HEADER_BYTES = 118; // with the ten before it, a multiple of 64
const START = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, HEADER_BYTES, 0];

/** Return nested lists of numbers as a file of 32-bit floats, `rows.npy`. */
export function npyFile(rows) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shapeOf(rows).join(", ")},), }`;
  const values = Float32Array.from(rows.flat(Infinity));
  const parts = [new Uint8Array(START), `${header.padEnd(HEADER_BYTES - 1)}\n`, values];
  return new File(parts, "rows.npy", { type: "application/x-npy" });
}

function shapeOf(rows) {
  return Array.isArray(rows) ? [rows.length, ...shapeOf(rows[0])] : [];
}
