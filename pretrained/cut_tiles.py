"""Cuts the streets of CamVid into tiles of 32 x 32 pixels by what they show: data for generators of colours.

    python pretrained/cut_tiles.py CAMVID TILES

writes ``TILES/train/CLASS`` and ``TILES/val/CLASS``. Pictures are shrunk to a third, 120 x 160 pixels, and cut every 16
pixels, so that neighbours overlap by half; no picture has tiles in both parts. A tile shows what covers at least half
of it; others, and those of classes that few tiles show, are left out, which is said.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
    "void",
)
SIZE, STEP, SCALED = 32, 16, (160, 120)
LEAST = 0.02
"""Smallest share of the training tiles that a class is kept with."""


def tiles(folder: Path, part: str) -> Iterator[tuple[str, str, Image.Image]]:
    """Yield the name, the class and the pixels of every tile of which at least half is of one class."""
    for path in sorted((folder / part).iterdir()):
        annotated = Image.open(folder / f"{part}annot" / f"{path.stem}.png")
        mask = np.asarray(annotated.resize(SCALED, Image.Resampling.NEAREST))
        picture = Image.open(path).convert("RGB").resize(SCALED, Image.Resampling.LANCZOS)
        for top in range(0, SCALED[1] - SIZE + 1, STEP):
            for left in range(0, SCALED[0] - SIZE + 1, STEP):
                pixels = np.bincount(mask[top : top + SIZE, left : left + SIZE].ravel(), minlength=len(CLASSES))
                shown = CLASSES[pixels.argmax()]
                if shown != "void" and pixels.max() * 2 >= SIZE**2:
                    yield f"{path.stem}-{top}-{left}", shown, picture.crop((left, top, left + SIZE, top + SIZE))


def cut(source: Path, target: Path) -> None:
    """Write the tiles of both parts, of those classes that enough training tiles show."""
    counts = Counter(shown for _, shown, _ in tiles(source, "train"))
    kept = {shown for shown, count in counts.items() if count >= LEAST * counts.total()}
    for part in ("train", "val"):
        written = Counter[str]()
        for name, shown, tile in tiles(source, part):
            if shown in kept:
                folder = target / part / shown
                folder.mkdir(parents=True, exist_ok=True)
                tile.save(folder / f"{name}.png")
            written[shown] += 1
        said = ", ".join(f"{shown} {n}{'' if shown in kept else ' (left out)'}" for shown, n in written.most_common())
        sys.stdout.write(f"{part}: {said}\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python pretrained/cut_tiles.py CAMVID TILES")
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
