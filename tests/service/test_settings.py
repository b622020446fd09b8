"""Settings come from the environment, and their page lists every one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def test_the_documentation_lists_every_setting_with_its_default_and_meaning() -> None:
    listed = {
        m[1]: (m[2], m[3]) for m in re.finditer(r"^\| `(CREDENCE_\w+)` \| `(.*?)` \| (.*) \|$", PAGE, re.MULTILINE)
    }
    expected = {
        f"CREDENCE_{name.upper()}": (str(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert listed == expected


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENCE_MAX_ROWS", "7")
    monkeypatch.setenv("CREDENCE_REQUIRED_MODELS", '["a", "b"]')
    settings = Settings()
    assert settings.max_rows == 7
    assert settings.required_models == ("a", "b")


@pytest.mark.parametrize("listed", ["https://a.example,http://b:81", '["https://a.example", "http://b:81"]'])
def test_a_list_is_text_with_commas_or_json(monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("CREDENCE_CORS_ORIGINS", listed)
    assert Settings().cors_origins == ("https://a.example", "http://b:81")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("SEED", "-1"),
        ("DEVICE", "tpu"),
        ("MAX_ROWS", "0"),
        ("LOG_LEVEL", "loud"),
        ("CORS_ORIGINS", "a.example"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "*,https://*.example"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CREDENCE_{name}", value)
    with pytest.raises(ValidationError):
        Settings()
