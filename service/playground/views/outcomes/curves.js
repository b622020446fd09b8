// Curves over the outcomes in their order: coverage with its band, error, and the evidence that coverage is too low.

import { element } from "../../parts/dom.js";
import { key, plot } from "../../parts/plot.js";

const HEIGHT = 190;
const ALARM = 2;

/** @returns {{element: HTMLElement, set: (stream: object) => void}} */
export function outcomeCurves({ isRegression, unit }) {
  const charts = {
    coverage: plot({ label: "Coverage of each stretch of outcomes, with its band", height: HEIGHT }),
    error: plot({ label: "Error of each stretch of outcomes", height: HEIGHT }),
    evidence: plot({ label: "Evidence that coverage is too low, and where the alarm begins", height: HEIGHT }),
  };
  const legend = key({
    "band-epistemic": "band of a stretch",
    "line-mean": "what was seen",
    "line-limit": "level asked for, or where the alarm begins",
  });
  const frame = element("div", { class: "plots" }, ...Object.values(charts).map((chart) => chart.element));

  function set({ curve, level, evidence }) {
    const x = curve.map(({ rows }) => rows);
    const along = { low: Math.min(0, ...x), high: Math.max(...x, 1), title: "outcomes", whole: true };
    const column = (name) => curve.map((point) => point[name]);
    const seen = (name) => ({ name: "line-mean", line: { x, y: column(name) } });
    for (const part of [charts.coverage.element, charts.evidence.element, legend]) part.hidden = evidence === null;
    if (evidence !== null) {
      const [low, high] = [column("coverage_low"), column("coverage_high")];
      const layers = [{ name: "band-epistemic", band: { x, low, high } }, flat("line-limit", along, level), seen("coverage")];
      charts.coverage.set({ x: along, y: { low: Math.max(0, Math.min(...low) - 0.02), high: 1.02, title: "in the set" }, layers });
      const heights = column("evidence");
      const most = Math.max(ALARM, ...heights) + 0.3;
      charts.evidence.set({
        x: along,
        y: { low: Math.min(-1, ...heights), high: most, title: "evidence of too few" },
        layers: [flat("line-limit", along, ALARM), seen("evidence")],
      });
    }
    const errors = column("error");
    const title = isRegression ? `error${unit ? ` in ${unit}` : ""}` : "share of wrong ones";
    charts.error.set({ x: along, y: { low: 0, high: 1.1 * Math.max(...errors, 1e-9), title }, layers: [seen("error")] });
  }
  return { element: element("div", {}, frame, legend), set };
}

function flat(name, { low, high }, value) {
  return { name, line: { x: [low, high], y: [value, value] } };
}
