// Tables of the outcomes of each class and each group; those whose coverage is below the level stand out.

import { element } from "../../parts/dom.js";
import { written } from "../../parts/words.js";
import { percent } from "./figures.js";

/** Return a table for each kind of part that a stream has. */
export function partsTables({ by, level }, { isRegression }) {
  return Object.entries(by).map(([kind, parts]) => {
    const name = kind.replace(/^group:/, "");
    const title = kind === "class" ? "By what came true" : `By ${name}`;
    const head = [name, "outcomes", ...(level === null ? [] : ["in the set", "band"]), isRegression ? "error" : "wrong"];
    const rows = [...parts].sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
    const body = rows.map((part) => {
      const isLow = level !== null && part.coverage_high !== null && part.coverage_high < level;
      const band = part.coverage === null ? "" : `${percent(part.coverage_low)} to ${percent(part.coverage_high)}`;
      const covered = part.coverage === null ? "" : percent(part.coverage);
      const cells = [part.rows.toLocaleString("en"), ...(level === null ? [] : [`${covered}${isLow ? ": too few" : ""}`, band]), isRegression ? written(part.error) : percent(part.error)];
      return element("tr", { class: isLow ? "too-few" : null }, element("th", { scope: "row" }, part.name), ...cells.map((cell) => element("td", {}, cell)));
    });
    const table = element(
      "table",
      {},
      element("caption", {}, title),
      element("thead", {}, element("tr", {}, ...head.map((column) => element("th", { scope: "col" }, column)))),
      element("tbody", {}, ...body),
    );
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, table);
  });
}
