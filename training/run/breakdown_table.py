"""The table of a card that has a line for every class, or for every target."""

from __future__ import annotations

from training.evaluation.breakdown import Breakdown, ClassBreakdown, SetSizeBreakdown, TargetBreakdown


def breakdown_section(breakdown: Breakdown) -> str:
    """Return a section in markdown; empty where there is nothing to break down."""
    classes = [line for line in breakdown if isinstance(line, ClassBreakdown)]
    targets = [line for line in breakdown if isinstance(line, TargetBreakdown)]
    sizes = [line for line in breakdown if isinstance(line, SetSizeBreakdown)]
    sections = _section("Classes", _class_rows(classes)) if classes else ""
    sections += _section("Sizes of 90 % sets", _size_rows(sizes)) if sizes else ""
    return sections + (_section("Targets", _target_rows(targets)) if targets else "")


def _class_rows(lines: list[ClassBreakdown]) -> list[list[str]]:
    training = sum(line.training for line in lines)
    by_class = any(line.coverage_by_class is not None for line in lines)
    heading = [
        "class",
        "training outcomes",
        "share",
        "test outcomes",
        "recall",
        "precision",
        "AUC",
        f"coverage of 90 % sets for all{'' if by_class else ' (default)'}",
        f"coverage of 90 % sets by class{' (default)' if by_class else ''}",
    ]
    rows = [
        [line.name, str(line.training), f"{line.training / max(1, training):.1%}", str(line.test)]
        + [_share(value) for value in (line.recall, line.precision, line.auc, line.coverage, line.coverage_by_class)]
        for line in lines
    ]
    return [heading, *rows]


def _target_rows(lines: list[TargetBreakdown]) -> list[list[str]]:
    heading = ["target", "test outcomes", "RMSE", "RMSE of the training mean", "coverage of 90 % intervals"]
    rows = [
        [line.name, str(line.test), f"{line.rmse:.4g}", f"{line.baseline:.4g}", _share(line.coverage)] for line in lines
    ]
    return [heading, *rows]


def _size_rows(lines: list[SetSizeBreakdown]) -> list[list[str]]:
    heading = ["classes in the set", "test outcomes", "coverage"]
    return [heading, *([str(line.size), str(line.test), _share(line.coverage)] for line in lines)]


def _section(title: str, rows: list[list[str]]) -> str:
    lines = [
        " | ".join(cell.replace("|", "\\|") for cell in row) for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    ]
    return f"\n## {title}\n\n" + "".join(f"| {line} |\n" for line in lines)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
