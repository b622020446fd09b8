// A plot of lines, bands and points over one axis, with a mark that a pointer moves.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 56, right: 12, top: 10, bottom: 42 };

/**
 * @param {{label: string, height: number, moved?: (x: number) => void}} options `moved` is given the x under a pointer.
 * @returns {{element: HTMLElement, set: (content: object) => void, mark: (x: number | null) => void}}
 *   `content`: `x` and `y`, each `{low, high, title}`, and `layers`, painted in order, each with a `name`, which is also
 *   its class: `{band: {x, low, high}}`, `{line: {x, y}}`, `{lines: {x, ys}}` or `{points: {x, y}}`.
 */
export function plot({ label, height, moved }) {
  const svg = shape("svg", { role: "img", "aria-label": label });
  const frame = element("div", { class: "plot" }, svg);
  let content = null;
  let marked = null;
  let [width, along, up] = [0, null, null];

  function set(next) {
    content = next;
    paint();
  }

  function paint() {
    width = frame.clientWidth;
    if (!content || !width) return;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    along = scale(content.x, MARGIN.left, width - MARGIN.right);
    up = scale(content.y, height - MARGIN.bottom, MARGIN.top);
    const inside = shape("svg", {
      x: MARGIN.left,
      y: MARGIN.top,
      width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom,
      viewBox: `${MARGIN.left} ${MARGIN.top} ${width - MARGIN.left - MARGIN.right} ${height - MARGIN.top - MARGIN.bottom}`,
    });
    inside.append(...content.layers.flatMap(layer));
    svg.replaceChildren(...axes(), inside, shape("line", { class: "mark", y1: MARGIN.top, y2: height - MARGIN.bottom }));
    mark(marked);
  }

  function layer({ name, band, line, lines, points }) {
    const way = (x, y) => x.map((one, i) => `${along(one).toFixed(1)} ${up(y[i]).toFixed(1)}`);
    if (band) {
      const [there, back] = [way(band.x, band.high), way(band.x, band.low).reverse()];
      return [shape("path", { class: name, d: `M${[...there, ...back].join("L")}Z` })];
    }
    if (line) return [shape("path", { class: name, d: `M${way(line.x, line.y).join("L")}` })];
    if (lines) return [shape("path", { class: name, d: lines.ys.map((y) => `M${way(lines.x, y).join("L")}`).join("") })];
    return points.x.map((x, i) => shape("circle", { class: name, cx: along(x), cy: up(points.y[i]), r: 3 }));
  }

  function axes() {
    const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
    const across = ticks(content.x, Math.max(2, Math.floor(width / 90))).flatMap((value) => [
      shape("line", { class: "grid", x1: along(value), x2: along(value), y1: MARGIN.top, y2: bottom }),
      text(written(value), { x: along(value), y: bottom + 16, "text-anchor": "middle" }),
    ]);
    const upwards = ticks(content.y, Math.floor(height / 50)).flatMap((value) => [
      shape("line", { class: "grid", x1: MARGIN.left, x2: right, y1: up(value), y2: up(value) }),
      text(written(value), { x: MARGIN.left - 6, y: up(value) + 4, "text-anchor": "end" }),
    ]);
    const middle = (MARGIN.top + bottom) / 2;
    return [
      ...across,
      ...upwards,
      text(content.x.title, { class: "title", x: (MARGIN.left + right) / 2, y: height - 6, "text-anchor": "middle" }),
      text(content.y.title, {
        class: "title",
        x: 12,
        y: middle,
        "text-anchor": "middle",
        transform: `rotate(-90 12 ${middle})`,
      }),
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
      const share = (((event.clientX - box.left) / box.width) * width - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
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
function ticks({ low, high }, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

function written(value) {
  return String(Number(value.toPrecision(6)));
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
