"""Settings come from the environment, and their page lists every one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, find_unknown, read_settings

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
        ("MAX_QUEUE_REQUESTS", "0"),
        ("MAX_QUEUE_SECONDS", "0"),
        ("DEADLINE_SECONDS", "inf"),
        ("DRAIN_SECONDS", "1e10"),
        ("DRAIN_SECONDS", "nan"),
        ("KEEP_OUTCOMES_DAYS", "1e7"),
        ("MAX_PIXELS", "9223372036854775808"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CREDENCE_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_largest_values_are_taken() -> None:
    settings = Settings(drain_seconds=1e9, keep_outcomes_days=1e6, max_pixels=2**63 - 1, seed=2**64 - 1)
    assert (settings.max_pixels, settings.seed) == (2**63 - 1, 2**64 - 1)


def test_a_variable_that_is_no_setting_is_named_with_the_nearest_one() -> None:
    given = ["CREDENCE_KEYFILE", "credence_max_rows", "CREDENCE_API_KEY", "PATH", "CREDENCE_TLS"]
    assert [*find_unknown(given)] == [
        "CREDENCE_KEYFILE: there is no such setting; docs/settings.md lists all; did you mean 'CREDENCE_KEY_FILE'?",
        "CREDENCE_TLS: there is no such setting; docs/settings.md lists all; did you mean 'CREDENCE_TLS_KEY'?",
    ]


def test_what_kubernetes_sets_for_a_service_of_this_name_is_none_either() -> None:
    links = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_8000_TCP", "PORT_8000_TCP_ADDR")
    given = [f"CREDENCE_{more}{link}" for more in ("", "CANARY_") for link in links]
    assert not [*find_unknown(["CREDENCE_CANARY_PORT", *given])]


@pytest.mark.parametrize(("name", "said"), [("PORT", "CREDENCE_PORT: Input should be"), ("PROT", "no such setting")])
def test_what_is_wrong_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.setenv(f"CREDENCE_{name}", "high")
    with pytest.raises(ValueError, match=said):
        read_settings()
