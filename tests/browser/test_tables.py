"""The playground's view of tables: a form by the columns of the model, and its answer by name, unit and words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from accessibility import assert_accessible
from form_models import ROWS
from playground_requests import asked
from playwright.sync_api import Locator, Page, Route, expect

STEPS = 80
"""Records of a curve."""


def answered(page: Page, act: Callable[[], object], rows: int = 1) -> tuple[dict[str, str], list[Any], dict[str, Any]]:
    """Query, records and answer of the prediction of so many rows that an act asks for."""

    query, records, response = asked(page, act, rows)
    return query, records, response.json()


def view(page: Page, name: str) -> tuple[list[Any], dict[str, Any]]:
    _, records, answer = answered(page, lambda: page.goto(f"/#{name}"))
    return records, answer


def field(page: Page, label: str) -> Locator:
    return page.get_by_label(label, exact=True).or_(page.get_by_role("combobox", name=label, exact=True))


def written(value: float, unit: str) -> str:
    """A number as the page writes it: four digits, with commas."""
    return f"{float(f'{value:.4g}'):,} {unit}".replace(".0 ", " ").replace("-", "\u2212")


def test_the_form_has_the_columns_and_starts_from_examples_in_raw_values(page: Page) -> None:
    records, _ = view(page, "homes")
    assert records == ROWS["homes"][:1]
    assert field(page, "colour").locator("option").all_inner_texts() == [
        "blue",
        "red",
        "yellow",
        "something else",
    ]
    for label, said in {
        "size m²": "training saw 20 to 300",
        "garage": "training saw 0 to 3; may be empty: then 1 is taken, and the model knows",
        "built": "training saw 1970-01-01 to 2017-07-14",
    }.items():
        expect(field(page, label)).to_have_accessible_description(said)
    page.get_by_text("Not used").click()
    expect(page.locator(".left-out")).to_contain_text("id: an identifier")
    _, records, _ = answered(page, lambda: field(page, "Start from").select_option("example 2"))
    assert records == ROWS["homes"][1:]
    _, records, _ = answered(page, lambda: field(page, "built").fill("2001-02-03"))
    assert records == [ROWS["homes"][1] | {"built": "03.02.2001"}]
    _, records, _ = answered(page, lambda: field(page, "garage").press("ArrowUp"))
    assert records[0]["garage"] is not None


def test_the_answer_is_named_with_its_units_and_its_interval(page: Page) -> None:
    _, answer = view(page, "homes")
    means, variances = answer["mean"][0], answer["epistemic_variance"][0]
    units = ("EUR", "EUR")
    assert page.locator(".number-block h3").all_inner_texts() == ["price", "rent"]
    assert page.locator(".number-value").all_inner_texts() == list(map(written, means, units))
    for i, block in enumerate(page.locator(".number-block").all()):
        low, high = (answer["interval"][end][0][i] for end in ("lower", "upper"))
        ends = f"{written(low, 'EUR')} and {written(high, 'EUR')}"
        expect(block).to_contain_text(f"9 of 10 such outcomes lie between {ends}")
        expect(block.locator(".epistemic dd")).to_have_text(f"± {written(variances[i] ** 0.5, 'EUR')}")
    expect(page.locator(".decision").first).to_have_text("The model has seen enough like this to answer.")


def test_what_is_beyond_the_data_or_unknown_is_marked_and_said(page: Page) -> None:
    view(page, "homes")
    size = field(page, "size m²")
    _, _, answer = answered(page, lambda: size.fill("900"))
    assert answer["outside"] == [["size"]]
    expect(size).to_have_accessible_description("Beyond the data: training saw 20 to 300")
    expect(page.locator(".row-notes")).to_have_text("Far beyond what training saw: size.")
    expect(page.locator(".decision").first).to_have_text("It has seen too little like this; ask a person.")
    answered(page, lambda: size.fill("100"))
    expect(page.locator(".row-notes")).to_be_hidden()
    query, records, answer = answered(page, lambda: field(page, "colour").select_option("something else"))
    assert query["on_unknown"] == "abstain"
    assert answer["unknown"] == [["colour"]]
    assert records[0]["colour"] == "something else"
    expect(page.locator(".row-notes")).to_have_text("Never seen in training, so that there is no answer: colour.")
    expect(page.locator(".decision").first).to_have_text("No answer; ask a person.")
    assert page.locator(".number-value").count() == 0
    expect(page.get_by_role("region", name="Over one column")).to_contain_text("No curve")


def test_a_cell_that_cannot_be_used_is_told_at_its_field(refused_page: Page) -> None:
    page = refused_page
    view(page, "homes")
    size = field(page, "size m²")
    size.fill("")
    expect(page.get_by_role("region", name="Answer")).to_contain_text("Fill in the fields that are marked")
    expect(size).to_have_attribute("aria-invalid", "true")
    expect(size).to_have_accessible_description("Needed by this model; training saw 20 to 300")
    with page.expect_response(lambda response: response.status == 422):
        size.fill("1e39")
    expect(size).to_have_accessible_description(
        re.compile("^1e[+]39 is not allowed for 'size'; allowed are: finite numbers; training rows have 20 to")
    )
    expect(page.get_by_role("region", name="Answer")).to_contain_text("Not of this input")
    answered(page, lambda: size.fill("50"))
    expect(size).to_have_attribute("aria-invalid", "false")
    expect(page.locator(".problem").first).to_be_empty()


def test_one_column_is_varied_on_an_axis_of_its_name_and_unit(page: Page) -> None:
    records, _ = view(page, "homes")
    over = field(page, "Over")
    _, swept, _ = answered(page, lambda: over.select_option("garage"), STEPS)
    assert [record | {"garage": 0} for record in swept] == [records[0] | {"garage": 0}] * STEPS
    _, swept, answer = answered(page, lambda: over.select_option("size"), STEPS)
    assert swept[0]["size"] == 0
    assert swept[-1]["size"] > 300
    assert page.locator(".axis-title").all_inner_texts() == ["price [EUR]", "size [m²]"]
    assert len((page.locator(".line-mean").first.get_attribute("d") or "").split("L")) == len(answer["mean"]) == STEPS
    nearest = min((record["size"] for record in swept), key=lambda size: abs(size - 100))
    expect(page.locator(".pixel-place")).to_have_text(f"size [m²] = {nearest:.4g}")
    answered(page, lambda: over.select_option("built"), STEPS)
    expect(page.locator(".plot text").first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d$"))
    expect(page.locator(".pixel-place")).to_contain_text("built = 199")


def test_a_classification_is_answered_in_words(page: Page) -> None:
    _, answer = view(page, "visits")
    shares = answer["mean"][0]
    shown = [float(text) for text in page.locator(".share-number").all_inner_texts()]
    assert shown == [round(share, 3) for share in shares]
    first, second = sorted(range(3), key=lambda i: -shares[i])[:2]
    names = answer["classes"]
    expect(page.locator(".decision").first).to_have_text(
        f"The model knows such inputs, but cannot tell: {names[first]} ({round(100 * shares[first])} %) or"
        f" {names[second]} ({round(100 * shares[second])} %)."
    )
    assert page.locator(".axis-title.across").all_inner_texts() == ["pulse [1/min]"] * 2


def test_the_card_is_shown_as_text_with_its_caution_at_the_top(page: Page) -> None:
    view(page, "homes")
    expect(page.get_by_role("complementary", name="Cautions")).to_contain_text("All test figures rest on 12 rows")
    page.locator(".model-card summary").click()
    card = page.locator(".markdown")
    expect(card.locator("p code")).to_have_text("rooms & <b>halls</b>")
    expect(card.get_by_role("cell")).to_have_text(["test_rmse_target_units", "56.8", "12 rows"])
    picture = card.get_by_role("img", name="Prediction against truth.")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 1)
    card.get_by_role("link", name="test_rmse_target_units").press("Enter")
    assert page.evaluate("document.activeElement.id") == "card-test_rmse_target_units"
    assert page.url.endswith("#homes")


def test_the_keyboard_goes_through_the_form_in_its_order(page: Page) -> None:
    view(page, "homes")
    field(page, "Start from").focus()
    names = []
    for _ in range(3):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.labels[0].textContent.trim()"))
    assert names == ["size m²", "colour", "garage"]


def test_an_answer_that_is_computed_or_cannot_be_had_is_told(refused_page: Page) -> None:
    page = refused_page
    view(page, "visits")
    region = page.get_by_role("region", name="Answer")
    held: list[Route] = []
    page.route("**/predict?*", lambda route: held.append(route))
    field(page, "pulse 1/min").fill("90")
    expect(region).to_have_attribute("aria-busy", "true")
    expect(region.locator(".working")).to_be_visible()
    field(page, "pain").fill("3")  # the controls go on working
    held.pop().continue_()
    page.unroute("**/predict?*")
    expect(region).not_to_have_attribute("aria-busy", "true")
    expect(region.locator(".working")).to_be_hidden()
    page.route("**/predict?*", lambda route: route.abort())
    field(page, "pulse 1/min").fill("91")
    expect(region.get_by_role("alert")).to_contain_text("The service cannot be reached")


@pytest.mark.parametrize("name", ["homes", "visits"])
def test_axe_finds_nothing_and_a_phone_needs_no_sideways_scrolling(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    view(page, name)
    page.locator(".model-card summary").click()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
