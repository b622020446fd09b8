// Pictures of one's own: chosen or dropped, and sent as they are, so that the service decodes them as training did.

import { element } from "./dom.js";

const SMALL_SIDE = 512;
const UNSEEN = "image/tiff"; // that the service reads and most browsers do not

/**
 * @param {{multiple: boolean, most: number}} options `most`: bytes that a request may have.
 * @param {(pictures: {name: string, content: Blob, bitmap: ImageBitmap | null}[]) => void} chosen
 * @param {(message: string) => void} failed
 * @returns {{element: HTMLElement, release: () => void}} `release` forgets the choice.
 */
export function pictureUpload({ multiple, most }, chosen, failed) {
  const input = element("input", { type: "file", accept: "image/*", multiple });
  const title = multiple ? "Your own images" : "Your own image";
  const note = element("span", { class: "meaning", role: "status" });
  const zone = element(
    "label",
    { class: "upload" },
    element("span", { class: "upload-title" }, title),
    input,
    element("span", { class: "meaning" }, multiple ? "or drop files here; each is answered by itself" : "or drop a file here"),
    note,
  );

  async function take(files) {
    if (!files.length) return;
    try {
      const each = most / files.length;
      const pictures = await Promise.all([...files].map((file) => prepared(file, each)));
      const smaller = pictures.filter((one) => one.smaller).map((one) => one.name);
      note.textContent = smaller.length ? `Made smaller here, as the service takes ${megabytes(most)}: ${smaller.join(", ")}.` : "";
      chosen(pictures);
    } catch (error) {
      failed(error.message);
    }
  }

  input.addEventListener("change", () => take(input.files));
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    });
  }
  zone.addEventListener("drop", (event) => {
    const files = [...event.dataTransfer.files];
    take(multiple ? files : files.slice(0, 1));
  });
  return {
    element: zone,
    release() {
      input.value = "";
      note.textContent = "";
    },
  };
}

async function prepared(file, most) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap && file.type !== UNSEEN) {
    throw new Error(`${file.name} is no image that this browser can read; choose a PNG or JPEG file`);
  }
  if (file.size <= most) return { name: file.name, content: file, bitmap, smaller: false };
  if (!bitmap) throw new Error(`${file.name} is too large: the service takes ${megabytes(most)}; make it smaller first`);
  return { name: file.name, content: await shrunk(bitmap), bitmap, smaller: true };
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toPrecision(2)} MB`;
}

function shrunk(bitmap) {
  const scale = Math.min(1, SMALL_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", {});
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
