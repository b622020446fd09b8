"""Picture files in requests: the same values as `fit` reads from the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_files import FILES

from models.errors import PictureError
from models.pictures import MEDIA_TYPES
from models.specs import InputSpec
from service.http.exchange import PICTURES
from service.http.images import form_of, refuse_picture
from service.http.picture_rows import Limits, row_from_picture
from training import data
from training.data import Options

ENDINGS = {"JPEG": "jpg", "WebP": "webp", "BMP": "bmp", "GIF": "gif", "TIFF": "tif"}


def in_folder(folder: Path, *kinds: str) -> dict[str, bytes]:
    """Twelve classes of files, so that a data set can be made of them, by what is read of each."""
    written = {}
    for place in range(24):
        kind = kinds[place % len(kinds)]
        ending = next((e for name, e in ENDINGS.items() if name in kind), "png")
        path = folder / f"{place % 2}" / f"{place:02}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[kind])
        written[str(place)] = FILES[kind]
    return written


def rows_of(folder: Path, **options: object) -> tuple[InputSpec, np.ndarray]:
    dataset = data.load(str(folder), options=Options(**options))  # type: ignore[arg-type]
    parts = (dataset.train, dataset.validation, dataset.calibration, dataset.test)
    return dataset.inputs, np.concatenate([part.inputs.float().numpy() for part in parts])


def read(content: bytes, spec: InputSpec) -> np.ndarray:
    return row_from_picture(content, form_of(spec), Limits(100, 100))[0]


@pytest.mark.parametrize("size", [(4, 6), (6, 4), (3, 5)])
@pytest.mark.parametrize("kind", FILES)
def test_requests_read_what_fit_reads(kind: str, size: tuple[int, int], tmp_path: Path) -> None:
    written = in_folder(tmp_path / "p", kind)
    spec, rows = rows_of(tmp_path / "p", size=size)
    row = read(written["0"], spec)
    assert (rows == row).all()
    assert spec.high == (65535 if "16" in kind else 255)


def test_a_mixture_of_8_and_16_bits_is_read_alike_too(tmp_path: Path) -> None:
    written = in_folder(tmp_path / "p", "grey PNG", "16 bit grey PNG", "colour and alpha PNG", "grey JPEG")
    dataset = data.load(str(tmp_path / "p"), options=Options(background="#00ff00"))
    assert dataset.inputs.high == 65535
    assert [note.split(":")[0] for note in dataset.notes] == [
        "6 of 24 pictures have an alpha channel or a transparent colour",
        "6 of 24 pictures have 16 bits a channel",
    ]
    _, rows = rows_of(tmp_path / "p", background="#00ff00")
    for content in written.values():
        row = read(content, dataset.inputs)
        assert (rows == row).all((1, 2, 3)).sum() == 6


def test_a_model_that_was_made_before_backgrounds_were_recorded_refuses_transparency() -> None:
    old = InputSpec("image", (3, 4, 6), low=0.0, high=255.0)
    with pytest.raises(PictureError, match="is transparent in places") as caught:
        read(FILES["colour and alpha PNG"], old)
    for place, said in ((None, "the image is transparent"), (2, "file 2, counted from 0, is transparent")):
        refusal = refuse_picture(caught.value, place)
        assert str(refusal).startswith(said)
        assert refusal.pointer == (None if place is None else "/files/2")


def test_every_format_has_its_media_type() -> None:
    assert set(MEDIA_TYPES.values()) < set(PICTURES)
