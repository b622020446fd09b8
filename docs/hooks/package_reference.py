"""Pages of the packages' reference: one for every room, and one for every module that stands beside the rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PACKAGES = ("models", "service", "training")
CLIENT = "service.client"
"""Has a page of its own, ``docs/reference/client.md``."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, in its section *Packages*."""
    reference = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    reference.append({"Packages": [{package: _navigation(package)} for package in PACKAGES]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for package in PACKAGES:
        for module in public_modules(package):
            content = f"# `{package}.{module}`\n\n::: {package}.{module}\n"
            files.append(File.generated(config, _address(package, module), content=content))
    return files


def public_modules(package: str) -> list[str]:
    """Return the names of a package's rooms and modules, without the client, ``__main__`` and private modules."""
    paths = (ROOT / package).iterdir()
    python = {path.stem for path in paths if path.suffix == ".py" or (path / "__init__.py").is_file()}
    return sorted(name for name in python if not name.startswith("_") and f"{package}.{name}" != CLIENT)


def _navigation(package: str) -> list[dict[str, Any]]:
    return [{module: _address(package, module)} for module in public_modules(package)]


def _address(package: str, module: str) -> str:
    return f"reference/{package}/{module}.md"
