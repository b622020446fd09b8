// The markdown that cards are written in, as elements: headings, tables, quotes, lists, code, pictures and anchors.
// Text stays text: nothing in a card becomes HTML, and no link leaves the page.

import { element } from "./dom.js";

const INLINE = /<a id="(?<anchor>[\w-]+)"><\/a>|!\[(?<alt>[^\]]*)\]\((?<file>[\w.-]+)\)|\[(?<link>[^\]]+)\]\((?<target>[^)\s]+)\)|`(?<code>[^`]+)`|\*\*(?<strong>[^*]+)\*\*/g;

/**
 * @param {string} text Markdown.
 * @param {(file: string) => string} address Return the address of a picture.
 * @returns {HTMLElement[]}
 */
export function markdown(text, address) {
  return blocks(text).map((lines) => block(lines, address));
}

/** Return the lines of each block; a heading is one alone, and indented lines with empty ones between are one. */
function blocks(text) {
  const found = [];
  let fenced = false;
  let current = null;
  for (const line of text.split("\n")) {
    const fence = line.startsWith("```");
    if (fence || fenced) {
      if (fence && !fenced) found.push((current = []));
      current.push(line);
      fenced = fence ? !fenced : fenced;
      if (!fenced) current = null;
    } else if (!line.trim()) {
      current = null;
    } else if (current && !line.startsWith("#")) {
      current.push(line);
    } else {
      found.push((current = [line]));
      if (line.startsWith("#")) current = null;
    }
  }
  return found;
}

function block(lines, address) {
  const inside = (text) => inline(text, address);
  const [first] = lines;
  const heading = first.match(/^(#+) +(.*)/);
  if (heading) return element(`h${Math.min(6, heading[1].length + 1)}`, {}, ...inside(heading[2]));
  if (first.startsWith("```")) return code(lines.slice(1, -1));
  if (lines.every((line) => line.startsWith("    "))) return code(lines.map((line) => line.slice(4)));
  if (first.startsWith("> ")) {
    const kind = /^> \*\*Caution/.test(first) ? "caution" : "quote";
    return element("blockquote", { class: kind }, ...inside(lines.map((line) => line.replace(/^> ?/, "")).join(" ")));
  }
  if (/^\|?[\s:|-]+$/.test(lines[1] ?? "") && first.includes("|")) return table(lines, inside);
  if (/^[-*] /.test(first)) return list(lines, inside);
  return element("p", {}, ...inside(lines.join(" ")));
}

function code(lines) {
  return element("pre", { tabindex: "0" }, element("code", {}, lines.join("\n")));
}

function list(lines, inside) {
  const items = lines.reduce((all, line) => {
    if (/^[-*] /.test(line)) return [...all, line.slice(2)];
    return [...all.slice(0, -1), `${all.at(-1)} ${line.trim()}`];
  }, []);
  return element("ul", {}, ...items.map((item) => element("li", {}, ...inside(item))));
}

function table([head, , ...rows], inside) {
  const cells = (line) => line.replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  const row = (tag, attributes) => (line) => element("tr", {}, ...cells(line).map((cell) => element(tag, attributes, ...inside(cell))));
  const grid = element("table", {}, element("thead", {}, row("th", { scope: "col" })(head)), element("tbody", {}, ...rows.map(row("td", {}))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${cells(head).join(", ")}` }, grid);
}

function inline(text, address) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(end, found.index), piece(found.groups, address));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

function piece({ anchor, alt, file, link, target, code: literal, strong }, address) {
  if (anchor) return element("span", { id: `card-${anchor}`, tabindex: "-1" });
  if (file) return element("img", { src: address(file), alt, loading: "lazy" });
  if (link) return target.startsWith("#") ? jump(link, target.slice(1)) : `${link} (${target})`;
  return literal ? element("code", {}, literal) : element("strong", {}, strong);
}

/** Return a link within the card; the page's own address names the model, so it stays as it is. */
function jump(text, anchor) {
  const link = element("a", { href: `#card-${anchor}` }, text);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const place = document.getElementById(`card-${anchor}`);
    place?.scrollIntoView({ block: "center" });
    place?.focus({ preventScroll: true });
  });
  return link;
}
