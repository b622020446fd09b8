"""Pages of the site that lie outside ``docs``, where GitHub or code reads them, and the list of decisions."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "pretrained/README.md": "pretrained.md",
    "training/evaluation/glossary.md": "glossary.md",
}
"""Each file outside ``docs`` with its page of the site."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the decisions into the navigation, each with its number."""
    decisions = next(entry["Decisions"] for entry in config.nav or [] if "Decisions" in entry)
    decisions += [{_title(path): f"decisions/{path.name}"} for path in _decisions()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files as pages, with their links as they are from there."""
    for name, address in PAGES.items():
        content = (ROOT / name).read_text().replace("](docs/", "](").replace("](../docs/", "](")
        files.append(File.generated(config, address, content=_redirected(content, "")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links to the root's files lead to their pages, list the decisions on theirs, and give wide tables room."""
    if page.file.src_uri == "decisions/index.md":
        markdown += "\n" + "\n".join(f"- [{_title(path)}]({path.name})" for path in _decisions())
    if page.file.src_uri == "results.md":
        page.meta["hide"] = ["navigation", "toc"]
    return _redirected(markdown, "../")


def _redirected(markdown: str, root: str) -> str:
    for name, address in PAGES.items():
        markdown = markdown.replace(f"]({root}{name}", f"]({address}")
    return markdown


def _decisions() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def _title(path: Path) -> str:
    heading = path.read_text().partition("\n")[0]
    return f"{path.name[:4]} {heading.removeprefix('# ')}"
