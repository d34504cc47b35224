"""A card says why its features were chosen: what each moves, what is lost without it, and who agreed."""

from registry.card import from_json, to_json, to_markdown
from tests.registry.cards import a_selection, make_card


def section_of(page: str) -> str:
    return page.partition("## Why these features\n\n")[2].partition("\n\n## ")[0]


def test_the_features_that_move_the_model_most_stand_first_and_no_more_than_fifteen() -> None:
    page = section_of(to_markdown(make_card(selection=a_selection(20))))
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == 15
    assert rows[0] == "| `made__feature_20` | 9.5 % | 0.5 % | -1.0 | 10 | 0 |"
    assert rows[1].startswith("| `made__feature_19` | 9.0 % ")
    assert "20 features from 4 of 12 clusters. Stability of the choice over folds: 0.81" in page
    assert "shuffled" in page


def test_a_row_is_narrow_enough_for_a_phone() -> None:
    page = section_of(to_markdown(make_card(selection=a_selection(15))))
    assert max(len(line.partition("` | ")[2]) for line in page.splitlines() if line.startswith("| `")) <= 40


def test_stability_that_cannot_be_computed_is_said_and_without_any_choice_there_is_no_section() -> None:
    page = section_of(to_markdown(make_card(selection=a_selection(2) | {"stability": None})))
    assert "Stability of the choice over folds: not computable." in page
    assert "Why these features" not in to_markdown(make_card())


def test_it_survives_the_file() -> None:
    card = make_card(selection=a_selection(3))
    assert from_json(to_json(card)) == card
    assert from_json(to_json(make_card())).selection == {}
