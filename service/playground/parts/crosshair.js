// Pictures of the same pixels, side by side, with one crosshair in all of them: by mouse, touch and arrow keys.

import { element } from "./dom.js";

/**
 * @param {string[]} titles Of the pictures.
 * @param {(y: number, x: number) => void} moved The pixel under the crosshair.
 * @returns {{element: HTMLElement, canvases: HTMLCanvasElement[], figures: HTMLElement[],
 *   resize: (height: number, width: number) => void, describe: (text: string) => void}}
 */
export function crosshairs(titles, moved) {
  let [height, width] = [1, 1];
  let [y, x] = [0, 0];
  const pictures = titles.map((title) => {
    const canvas = element("canvas", { class: "pixels", role: "img", "aria-label": title });
    const mark = element("div", { class: "crosshair", "aria-hidden": "true" });
    const frame = element("div", { class: "crosshair-frame" }, canvas, mark);
    return { canvas, mark, frame, figure: element("figure", {}, element("figcaption", {}, title), frame) };
  });
  const group = element(
    "div",
    {
      class: "crosshairs",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "pictures with a crosshair, moved by arrow keys",
    },
    ...pictures.map((one) => one.figure),
  );

  function place(row, column) {
    y = Math.min(height - 1, Math.max(0, row));
    x = Math.min(width - 1, Math.max(0, column));
    for (const { mark } of pictures) {
      mark.style.left = `${(100 * x) / width}%`;
      mark.style.top = `${(100 * y) / height}%`;
      mark.style.width = `${100 / width}%`;
      mark.style.height = `${100 / height}%`;
    }
  }

  function move(row, column) {
    place(row, column);
    moved(y, x);
  }

  for (const { frame } of pictures) {
    const follow = (event) => {
      const box = frame.getBoundingClientRect();
      const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
      move(Math.floor(share[0] * height), Math.floor(share[1] * width));
    };
    frame.addEventListener("pointermove", follow);
    frame.addEventListener("pointerdown", follow);
  }
  group.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!way || event.target !== group) return;
    event.preventDefault();
    const step = event.shiftKey ? 4 : 1;
    move(y + step * way[0], x + step * way[1]);
  });
  return {
    element: group,
    canvases: pictures.map((one) => one.canvas),
    figures: pictures.map((one) => one.figure),
    resize(rows, columns) {
      if (rows === height && columns === width) return;
      [height, width] = [rows, columns];
      place(Math.floor(rows / 2), Math.floor(columns / 2));
    },
    at: () => [y, x],
    describe: (text) => group.setAttribute("aria-label", text),
  };
}
