"""Every promise can be told from the others, and can be proved."""

from __future__ import annotations

from pathlib import Path

from page import marks
from reliability.catalogue import PROMISES
from reliability.promise import purpose
from reliability.service_process import address

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"


def test_every_promise_has_a_name_of_its_own_and_a_fault_that_says_what_it_does() -> None:
    assert len({promise.name for promise in PROMISES}) == len(PROMISES)
    for promise in PROMISES:
        assert promise.faults, promise.name
        assert promise.quick <= promise.full
        assert all(fault.__doc__ and purpose(fault)[0].isupper() for fault in promise.faults)


def test_another_process_finds_every_fault_by_its_name() -> None:
    for fault in (fault for promise in PROMISES for fault in promise.faults):
        module, name = address(fault).split(":")
        assert module.startswith("reliability.")
        assert name.isidentifier()


def test_the_page_has_the_marks_between_which_the_table_is_written() -> None:
    assert [PAGE.read_text().count(mark) for mark in marks("make chaos")] == [1, 1]
