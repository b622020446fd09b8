// Upload of an image, which becomes a small PNG here, so that a photograph is not too large to send.

import { element } from "./dom.js";

const SIDE = 512;

/**
 * @param {(png: Blob, bitmap: ImageBitmap) => void} chosen
 * @param {(message: string) => void} failed
 */
export function imageUpload(chosen, failed) {
  const input = element("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      const bitmap = await createImageBitmap(file);
      chosen(await shrunk(bitmap), bitmap);
    } catch {
      failed("the file is no image that this browser can read");
    }
  });
  return element("label", { class: "upload" }, element("span", {}, "Your own image"), input);
}

function shrunk(bitmap) {
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", {});
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // behind transparent parts, which the service refuses
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
