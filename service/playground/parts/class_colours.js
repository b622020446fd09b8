// Colours of classes that most colour-blind people can tell apart: a neutral one, then Paul Tol's "muted", then more.

const COLOURS = [
  "#4a5163",
  "#cc6677",
  "#88ccee",
  "#ddcc77",
  "#117733",
  "#aa4499",
  "#44aa99",
  "#999933",
  "#882255",
  "#6673c9",
  "#dddddd",
];

/** Return a colour for each of `count` classes, as `#rrggbb`. */
export function classColours(count) {
  return Array.from({ length: count }, (_, i) => COLOURS[i] ?? hue((i * 137.5) % 360));
}

/** Number of the custom properties `--class-1`, `--class-2`, ... of style.css: colours of lines in either scheme. */
const LINE_COLOURS = 8;

/** Return a colour for the line of each of these classes: its own whatever else is shown, unless two would be alike. */
export function lineColours(classes) {
  const taken = new Set();
  return classes.map((one) => {
    let place = one % LINE_COLOURS;
    while (taken.has(place) && taken.size < LINE_COLOURS) place = (place + 1) % LINE_COLOURS;
    taken.add(place);
    return `var(--class-${place + 1})`;
  });
}

/** Return `[red, green, blue]` of `#rrggbb`, each from 0 to 255. */
export function components(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

function hue(degrees) {
  const channel = (shift) => 0.55 + 0.3 * Math.cos(((degrees + shift) * Math.PI) / 180);
  const parts = [0, 240, 120].map((shift) =>
    Math.round(255 * channel(shift))
      .toString(16)
      .padStart(2, "0"),
  );
  return `#${parts.join("")}`;
}
