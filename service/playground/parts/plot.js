// A plot of lines, bands and points over one axis, with a mark that a pointer moves.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const TOP = 10;
const BOTTOM = 24;
const DIGIT = 7; // pixels, of the labels' font
const LINE = 12;

/**
 * @param {{label: string, height: number, moved?: (x: number) => void}} options `moved` is given the x under a pointer.
 * @returns {{element: HTMLElement, set: (content: object) => void, mark: (x: number | null) => void}}
 *   `content`: `x` and `y`, each `{low, high, title}`, and `layers`, painted in order, each with a `name`, which is also
 *   its class: `{band: {x, low, high}}`, `{line: {x, y}}`, `{lines: {x, ys}}` or `{points: {x, y}}`. A line
 *   may have a `colour`, the value of the custom property of its name. `x` may have
 *   `say(value)`, which writes its values, `seen: [low, high]`, a range to be shaded, and
 *   `whole`, which keeps its numbers whole.
 */
export function plot({ label, height, moved }) {
  const svg = shape("svg", { role: "img", "aria-label": label });
  const titles = { x: element("p", { class: "axis-title across" }), y: element("p", { class: "axis-title upwards" }) };
  const frame = element("div", { class: "plot" }, titles.y, svg, titles.x);
  let content = null;
  let marked = null;
  let [width, along, up, margin] = [0, null, null, null];

  function set(next) {
    content = next;
    for (const axis of ["x", "y"]) titles[axis].textContent = content[axis].title;
    paint();
  }

  function paint() {
    width = frame.clientWidth;
    if (!content || !width) return;
    const marks = { x: labelled(content.x, Math.max(2, Math.floor(width / 100))), y: labelled(content.y, Math.floor(height / 50)) };
    const longest = (labels) => DIGIT * Math.max(...labels.map(([, label]) => label.length));
    margin = { left: longest(marks.y) + LINE, right: Math.max(LINE, longest(marks.x) / 2), top: TOP, bottom: BOTTOM };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    along = scale(content.x, margin.left, width - margin.right);
    up = scale(content.y, height - margin.bottom, margin.top);
    const [x, y] = [margin.left, margin.top];
    const [across, down] = [width - x - margin.right, height - y - margin.bottom];
    const inside = shape("svg", { x, y, width: across, height: down, viewBox: `${x} ${y} ${across} ${down}` });
    const [areas, drawn] = [true, false].map((area) => content.layers.filter(({ band }) => Boolean(band) === area));
    inside.append(...seen(), ...areas.flatMap(layer), ...grid(marks), ...drawn.flatMap(layer));
    svg.replaceChildren(...labels(marks), inside, shape("line", { class: "mark", y1: margin.top, y2: height - margin.bottom }));
    mark(marked);
  }

  /** Return the shade of the range that training saw. */
  function seen() {
    if (!content.x.seen) return [];
    const [from, to] = content.x.seen.map(along);
    return [shape("rect", { class: "seen", x: from, width: to - from, y: margin.top, height: height - margin.top - margin.bottom })];
  }

  function layer({ name, colour, band, line, lines, points }) {
    const way = (x, y) => x.map((one, i) => `${along(one).toFixed(1)} ${up(y[i]).toFixed(1)}`);
    if (band) {
      const [there, back] = [way(band.x, band.high), way(band.x, band.low).reverse()];
      return [shape("path", { class: name, d: `M${[...there, ...back].join("L")}Z` })];
    }
    if (line) {
      const path = shape("path", { class: name, d: `M${way(line.x, line.y).join("L")}` });
      if (colour) path.style.setProperty(`--${name}`, colour);
      return [path];
    }
    if (lines) return [shape("path", { class: name, d: lines.ys.map((y) => `M${way(lines.x, y).join("L")}`).join("") })];
    return points.x.map((x, i) => shape("circle", { class: name, cx: along(x), cy: up(points.y[i]), r: 3 }));
  }

  /** Return the lines of the grid, which are above bands and below everything else. */
  function grid({ x, y }) {
    const [bottom, right] = [height - margin.bottom, width - margin.right];
    return [
      ...x.map(([value]) => shape("line", { class: "grid", x1: along(value), x2: along(value), y1: margin.top, y2: bottom })),
      ...y.map(([value]) => shape("line", { class: "grid", x1: margin.left, x2: right, y1: up(value), y2: up(value) })),
    ];
  }

  function labels({ x, y }) {
    const below = height - margin.bottom + 16;
    return [
      ...x.map(([value, label]) => text(label, { x: along(value), y: below, "text-anchor": "middle" })),
      ...y.map(([value, label]) => text(label, { x: margin.left - 6, y: up(value) + 4, "text-anchor": "end" })),
    ];
  }

  /** Move the mark; `null` hides it. */
  function mark(x) {
    marked = x;
    const line = svg.querySelector(":scope > .mark");
    if (!line) return;
    line.style.display = x === null ? "none" : "";
    if (x !== null) ["x1", "x2"].forEach((end) => line.setAttribute(end, along(x)));
  }

  if (moved) {
    const follow = (event) => {
      if (!along) return;
      const box = svg.getBoundingClientRect();
      const share = (((event.clientX - box.left) / box.width) * width - margin.left) / (width - margin.left - margin.right);
      moved(content.x.low + Math.min(1, Math.max(0, share)) * (content.x.high - content.x.low));
    };
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
  }
  new ResizeObserver(() => frame.clientWidth !== width && paint()).observe(frame);
  return { element: frame, set, mark };
}

/** Return a legend of the layers, each key coloured by its class. */
export function key(names) {
  const entries = Object.entries(names).map(([name, title]) =>
    element("li", {}, element("span", { class: `key ${name}` }), title),
  );
  return element("ul", { class: "legend" }, ...entries);
}

function scale({ low, high }, from, to) {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** Return about `count` round numbers from `low` to `high`. */
function ticks({ low, high, whole }, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const round = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const step = whole ? Math.max(1, round) : round;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** Return the round numbers of an axis with their labels. */
function labelled(axis, count) {
  const say = axis.say ?? ((value) => Number(value.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 }));
  return ticks(axis, count).map((value) => [value, say(value)]);
}

function text(content, attributes) {
  const node = shape("text", attributes);
  node.textContent = content;
  return node;
}

function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
