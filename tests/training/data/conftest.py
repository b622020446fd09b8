"""Small files of every layout, and where the real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes lines as a file."""

    def write(*lines: str, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n" if lines else "")
        return path

    return write


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Writes random pixels, or those given, as a PNG."""

    def write(path: Path, size: tuple[int, int] = (6, 8), mode: str = "RGB", pixels: np.ndarray | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = np.random.default_rng(int.from_bytes(path.name.encode(), "little"))
        shape = size if mode == "L" else (*size, 3)
        Image.fromarray(seed.integers(0, 256, shape, np.uint8) if pixels is None else pixels).save(path)
        return path

    return write


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data, where they are."""
    folder = Path(__file__).parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return folder
