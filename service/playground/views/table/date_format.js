// Dates as a model's table writes them (formats of Python's strptime), and as the browser's date inputs do.

const DIRECTIVES = {
  Y: ["(\\d{4})", (date) => String(date.getUTCFullYear()).padStart(4, "0")],
  m: ["(\\d{1,2})", (date) => two(date.getUTCMonth() + 1)],
  d: ["(\\d{1,2})", (date) => two(date.getUTCDate())],
  H: ["(\\d{1,2})", (date) => two(date.getUTCHours())],
  M: ["(\\d{1,2})", (date) => two(date.getUTCMinutes())],
  S: ["(\\d{1,2})", (date) => two(date.getUTCSeconds())],
};

/** Return whether this page can write and read a format; other ones are typed by hand. */
export function knows(format) {
  return [...format.matchAll(/%(.)/g)].every(([, letter]) => letter in DIRECTIVES);
}

/** Return seconds since 1970 in a format; ISO 8601 if it is empty. */
export function writeDate(seconds, format, withTime) {
  const date = new Date(1000 * seconds);
  if (!format) return date.toISOString().slice(0, withTime ? 19 : 10);
  return format.replace(/%(.)/g, (_, letter) => DIRECTIVES[letter][1](date));
}

/** Return a date in seconds since 1970, taken as UTC; `NaN` if the text is none. */
export function readDate(text, format) {
  if (!format) return Date.parse(/T|Z/.test(text) && !/Z|[+-]\d\d:?\d\d$/.test(text) ? `${text}Z` : text) / 1000;
  const order = [...format.matchAll(/%(.)/g)].map(([, letter]) => letter);
  const pattern = format.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/%(.)/g, (_, letter) => DIRECTIVES[letter][0]);
  const found = text.trim().match(new RegExp(`^${pattern}$`));
  if (!found) return NaN;
  const part = Object.fromEntries(order.map((letter, i) => [letter, Number(found[i + 1])]));
  return Date.UTC(part.Y, (part.m ?? 1) - 1, part.d ?? 1, part.H ?? 0, part.M ?? 0, part.S ?? 0) / 1000;
}

function two(number) {
  return String(number).padStart(2, "0");
}
