// Rotation of a raw image: inputs that a classifier of upright digits does not know.

/** Return the image turned clockwise by `angle` degrees, linearly interpolated; corners are filled with `low`. */
export function rotated(image, angle, low) {
  if (angle % 360 === 0) return image;
  const turn = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return image.map((channel) => {
    const [height, width] = [channel.length, channel[0].length];
    const [y0, x0] = [(height - 1) / 2, (width - 1) / 2];
    const at = (y, x) => channel[y]?.[x] ?? low;
    const between = (y, x) => {
      const [top, left] = [Math.floor(y), Math.floor(x)];
      const [down, right] = [y - top, x - left];
      const upper = (1 - right) * at(top, left) + right * at(top, left + 1);
      const lower = (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1);
      return (1 - down) * upper + down * lower;
    };
    return channel.map((row, y) =>
      row.map((_, x) => {
        const [dy, dx] = [y - y0, x - x0];
        return Number(between(y0 + cos * dy - sin * dx, x0 + sin * dy + cos * dx).toFixed(2));
      }),
    );
  });
}
