// Images whose pixels are taken from elsewhere in them.

/**
 * Return an image of the same size, linearly interpolated; what comes from outside is `low`.
 *
 * @param {number[][][]} image Raw, `(channels, height, width)`.
 * @param {number} low
 * @param {(y: number, x: number) => [number, number]} from Place in the image that a pixel is taken from.
 */
export function resampled(image, low, from) {
  return image.map((channel) => {
    const at = (y, x) => channel[y]?.[x] ?? low;
    const between = ([y, x]) => {
      const [top, left] = [Math.floor(y), Math.floor(x)];
      const [down, right] = [y - top, x - left];
      const upper = (1 - right) * at(top, left) + right * at(top, left + 1);
      const lower = (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1);
      return (1 - down) * upper + down * lower;
    };
    return channel.map((row, y) => row.map((_, x) => Number(between(from(y, x)).toFixed(2))));
  });
}
