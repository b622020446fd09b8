// Pictures of one's own for a classifier, each with its answer below it; one of them is looked at closely.

import { element } from "../../parts/dom.js";
import { pictureUpload } from "../../parts/picture_upload.js";
import { ASK_A_PERSON, inPercent } from "../../parts/words.js";

const SIDE = 96;

/**
 * @param {object} model Entry of the catalogue with its limits.
 * @param {{taken: () => void, chosen: () => void, failed: (message: string) => void}} told `taken` after other pictures,
 *   `chosen` after another one of them is looked at.
 * @returns {{element: HTMLElement, body: () => Blob | FormData | null, place: () => number, answered: (answer: object) => void,
 *   release: () => void}} `body` is what to send, `null` without pictures; `place` is that of the picture looked at.
 */
export function ownPictures(model, { taken, chosen, failed }) {
  let pictures = [];
  let place = 0;
  const list = element("div", { class: "own-pictures", role: "group", "aria-label": "Answers to your own images", hidden: true });
  const upload = pictureUpload({ multiple: true, most: model.limits.picture_bytes }, take, failed);

  function take(next) {
    pictures = next;
    place = 0;
    list.replaceChildren(...pictures.map(preview));
    list.hidden = !pictures.length;
    press();
    if (pictures.length) taken();
  }

  function preview({ name, bitmap }, at) {
    const canvas = element("canvas", { role: "img", "aria-label": name, width: SIDE, height: SIDE });
    if (bitmap) paint(canvas, bitmap);
    const caption = element("span", { class: "own-answer" }, name);
    const button = element("button", { type: "button", class: "own-picture" }, canvas, caption);
    button.addEventListener("click", () => {
      place = at;
      press();
      chosen();
    });
    return button;
  }

  function press() {
    [...list.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === place)));
  }

  function body() {
    if (pictures.length < 2) return pictures[0]?.content ?? null;
    const form = new FormData();
    pictures.forEach(({ content, name }) => form.append("files", content, name));
    return form;
  }

  function answered(answer) {
    pictures.forEach((_, i) => {
      const abstains = answer.decision?.[i] === "abstain";
      const share = inPercent(Math.max(...answer.mean[i]));
      const caption = list.children[i].querySelector(".own-answer");
      caption.textContent = `${answer.label[i]}, ${share}${abstains ? "; ask a person" : ""}`;
      caption.title = abstains ? ASK_A_PERSON : "";
    });
  }

  function release() {
    upload.release();
    take([]);
  }
  return { element: element("div", { class: "own" }, upload.element, list), body, place: () => place, answered, release };
}

/** Paint the whole picture into a square, in its proportions. */
function paint(canvas, bitmap) {
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  canvas.getContext("2d").drawImage(bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
}
