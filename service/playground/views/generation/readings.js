// Codes read off one image: bars for the values of a categorical code, mean and deviation on a line for all others.

import { shareBars } from "../../parts/bars.js";
import { element } from "../../parts/dom.js";

const NORMAL_ENDS = [-3, 3];

/**
 * @param {object} codes Codes of one image by the name of the control, as `/encode` answers them.
 * @param {object[]} controls
 * @returns {HTMLElement[]}
 */
export function readings(codes, controls) {
  const named = controls
    .filter((control) => control.name in codes)
    .map((control) => ({ control, code: codes[control.name] }));
  const single = named.filter(({ control }) => control.kind === "continuous");
  const others = named.filter((one) => !single.includes(one));
  const blocks = others.map(({ control, code }) => block(control.name, code.mean ? vector(control, code) : bars(code)));
  const lines = single.map(({ control, code }) => line(control.name, code.mean[0], code.variance[0], ends(control)));
  return lines.length ? [...blocks, block("gradual", element("ul", { class: "moments" }, ...lines))] : blocks;
}

function block(name, content) {
  return element("div", { class: "reading" }, element("h4", {}, name.replaceAll("_", " ")), content);
}

function bars({ probabilities: [shares] }) {
  const list = shareBars(shares.map((_, i) => String(i)));
  list.set(shares);
  return list.element;
}

function vector(control, { mean: [means], variance: [variances] }) {
  const lines = means.map((mean, i) => line(`${control.name}${i + 1}`, mean, variances[i], ends(control)));
  return element("ul", { class: "moments" }, ...lines);
}

/** Return two values between which nearly all draws of a seed lie. */
function ends(control) {
  return control.drawn === "normal" ? NORMAL_ENDS : [control.low, control.high];
}

/** Return a line that shows a mean with two deviations either way. */
function line(name, mean, variance, [low, high]) {
  const deviation = Math.sqrt(variance);
  const place = (value) => (100 * (Math.max(low, Math.min(high, value)) - low)) / (high - low);
  const range = element("span", { class: "moment-range" });
  const point = element("span", { class: "moment-point" });
  const [start, end] = [place(mean - 2 * deviation), place(mean + 2 * deviation)];
  range.style.left = `${start}%`;
  range.style.width = `${end - start}%`;
  point.style.left = `${place(mean)}%`;
  const number = `${mean.toFixed(2).replace("-", "−")} ± ${deviation.toFixed(2)}`;
  return element(
    "li",
    {},
    element("span", { class: "share-name" }, name.replaceAll("_", " ")),
    element("span", { class: "share-track", "aria-hidden": "true" }, range, point),
    element("span", { class: "share-number" }, number),
  );
}
