"""The report of a run as one page: it says what the card says, escapes what it is given, and leans on nothing else."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.card import Card
from registry.gates import GATES
from registry.report import evidence, page, svg
from registry.report.shown import Shown
from tests.registry.cards import GOOD, gate, make_card
from tests.registry.reports import FEATURES, PATHS, PLACEBO, asked_everything, everything

ORDER = (
    *(
        "headline",
        "verdicts",
        "equity",
        "folds",
        "calibration",
        "importance",
        "months",
        "excursions",
        "costs",
        "stress",
    ),
    *("significance", "placebo", "paths", "drift", "remedies", "features", "settings"),
)
VOID = {"meta", "link"}
EVIL = '<script>alert("1")</script>&\'"'
NO_TRADE = {"significance": {"why": "no trade was closed"}, "robustness": {"why": "no trade was closed"}}


class Reader(HTMLParser):
    """Reads a page: its sections, its words by section, what it would load, and tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.wrong, self.sections, self.loads = [], [], {}, []
        self.inside = ""
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.inside = given["id"]
            self.sections[self.inside] = ""
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value != "data:,"]
        self.loads += [tag] if tag in ("script", "iframe", "img", "object") else []
        self.loads += [name for name in given if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.inside and self.open:
            self.sections[self.inside] += f" {data}"


def made(shown: Shown | None = None, **changes: object) -> str:
    return page.to_html(asked_everything(**changes), shown or everything())


def words(text: str, section: str) -> str:
    return " ".join(Reader(text).sections[section].split())


@pytest.mark.parametrize("card", [asked_everything(), make_card(), make_card(**NO_TRADE, folds=[], oos={"trades": 0})])
@pytest.mark.parametrize("shown", [everything(), Shown()])
def test_every_section_is_there_in_its_order_and_no_tag_is_left_open(card: Card, shown: Shown) -> None:
    read = Reader(page.to_html(card, shown))
    assert tuple(read.sections) == ORDER
    assert read.wrong == []
    assert all(text.strip() for text in read.sections.values())


def test_the_page_needs_nothing_but_itself() -> None:
    text = made()
    assert Reader(text).loads == []
    assert not re.search(r"https?://|url\(|@import|<script", text)


def test_the_checks_of_a_page_see_what_they_forbid() -> None:
    spoilt = made().replace("<main>", '<main><img src="https://x.example/a.png" onload="x()"><div>')
    read = Reader(spoilt)
    assert set(read.loads) == {"https://x.example/a.png", "img", "onload"} and read.wrong


def test_the_same_card_gives_the_same_bytes() -> None:
    assert made() == made()


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": EVIL},
        {"warnings": [EVIL]},
        {"remedies": [EVIL]},
        {"features": [EVIL]},
        {"policy": {EVIL: EVIL}},
        {"folds": [{"fold": EVIL, "trades": EVIL, "test_start": EVIL}]},
        {"placebo": PLACEBO | {"told": EVIL}},
        {"significance": {"why": EVIL}},
        {"oos_breakdown": {EVIL: [{EVIL: EVIL, "trades": 3}]}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_a_name_holds_is_told_and_never_markup(changes: dict) -> None:
    text = made(**changes)
    read = Reader(text)
    assert read.loads == [] and read.wrong == []
    assert "<script" not in text.lower()
    assert "alert(" in text


def test_the_first_lines_say_verdict_numbers_skill_trials_and_warnings() -> None:
    card = asked_everything()
    text = page.to_html(card, everything())
    top, said = text.partition('<section id="verdicts"')[0], words(text, "headline")
    assert ">READY<" in top and "Passes every benchmark." in top
    for one in card.gates:
        show = GATES[one.name].show
        assert show(one.got) in said and f"{show(one.interval[0])} … {show(one.interval[1])}" in said
    assert "+0.0051 +0.0012 … +0.0089" in said
    assert "3 trials of this series so far, 1 look" in said
    assert "12 % of the bars stand on the spread floor" in said


def test_a_failed_number_is_told_with_its_reason() -> None:
    gates = [gate(name, got) for name, got in GOOD.items()]
    gates[0] = gate("profit_factor", None, "no trade lost")
    text = made(gates=gates)
    assert "no trade lost" in words(text, "headline") and ">FAILED<" in text


def test_both_profiles_are_told() -> None:
    six = [gate(name, got) for name, got in GOOD.items()]
    honest = [gate("deflated_sharpe", 0.41), gate("looks", 1)]
    said = words(made(gates=six, verdicts={"six": six, "honest": honest}), "verdicts")
    assert "Profile six READY decides promotion" in said and "Profile honest FAILED" in said
    assert "0.410" in said and "≥ 0.950" in said


def test_only_a_simulated_market_wears_the_band() -> None:
    assert "SIMULATED" not in made()
    text = made(series="SIM_XAUUSD_15T", simulated=True)
    assert '<p class="band"><strong>SIMULATED</strong>' in text and "<title>SIMULATED SIM_XAUUSD_15T" in text


def test_months_multiply_to_the_whole_growth() -> None:
    shown = everything()
    told = [float(one) for one in re.findall(r"<b>([+-][\d.]+)</b>", made(shown))]
    account = shown.equity.to_numpy()
    assert len(told) == shown.equity.index.strftime("%Y-%m").nunique()
    assert np.prod([1 + one / 100 for one in told]) == pytest.approx(account[-1] / account[0], rel=0.01)


def test_the_edge_dies_where_the_card_says() -> None:
    text = str(evidence.frontier(asked_everything(), everything()))
    assert "the edge dies at 3.20×" in text
    at = float(re.search(r'<line x1="([\d.]+)%"[^>]*class="rule dead"', text)[1])
    assert at == pytest.approx(100 * (3.2 - 0.5) / (3.7 - 0.5), abs=0.01)


@pytest.mark.parametrize(
    ("changes", "section", "said"),
    [
        ({"placebo": {}}, "placebo", "does not know how often its gate is wrong"),
        ({"placebo": {"why": "nobody asked"}}, "placebo", "nobody asked"),
        ({}, "placebo", "honest 1 of 300 1.6 %"),
        ({}, "placebo", "0.4 2.60 100 % (90 % … 100 %)"),
        ({"paths": {}}, "paths", "Not measured"),
        ({}, "paths", "median 503 1.40 +0.150"),
        ({"paths": PATHS | {"drawn_anew": None}}, "paths", "5 paths"),
        ({}, "drift", "9 of 20 features lie further off in the judged window than in any of the 12"),
        ({}, "features", "momentum__rsi_14 RSI of 14 bars"),
        ({}, "features", "made__feature_1 Not described"),
        (NO_TRADE, "stress", "no trade was closed"),
        (NO_TRADE, "significance", "no trade was closed"),
        ({}, "stress", "Costs ×2 400 – +0.300"),
        ({}, "significance", "Deflated Sharpe ratio 0.991"),
        ({}, "settings", "numpy 2.4.6"),
    ],
)
def test_each_section_says_what_is_known_or_why_it_is_not(changes: dict, section: str, said: str) -> None:
    assert said in words(made(**changes), section)


def test_what_is_not_there_is_told_with_its_reason() -> None:
    text = made(Shown(lacking={"drift": "the features stored today are not those of the run"}))
    assert "not those of the run" in words(text, "drift") and "not known to this run" in words(text, "excursions")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4000), st.integers(8, 400))
def test_thinned_values_keep_both_ends_and_both_extremes(values: list[float], most: int) -> None:
    array = np.array(values)
    kept = svg.thinned(array, most)
    assert len(kept) <= max(most, 1) and (np.diff(kept) > 0).all()
    assert {0, len(values) - 1} <= set(kept.tolist())
    assert array[kept].max() == array.max() and array[kept].min() == array.min()


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.integers(2, 8))
def test_ticks_are_round_in_order_and_on_the_axis(one: float, other: float, count: int) -> None:
    axis = svg.numbers(min(one, other), max(one, other), "{:g}".format, count)
    places = [place for place, _ in axis.ticks]
    assert places == sorted(places) and len(places) <= count + 1
    assert all(-1e-6 <= axis.at(place) <= 1 + 1e-6 for place in places)
    assert "-0" not in {word for _, word in axis.ticks}


@pytest.mark.parametrize("days", [2, 40, 200, 900, 2500])
def test_times_have_a_few_ticks_that_name_a_year(days: int) -> None:
    axis = svg.times(pd.date_range("2019-10-28 22:00", periods=days + 1, freq="D", tz="UTC"))
    assert 1 <= len(axis.ticks) <= 9
    assert any(re.search(r"\d", word) for _, word in axis.ticks)
    assert all(0.0 <= axis.at(place) <= 1.0 for place, _ in axis.ticks)


def test_letters_stand_out_from_the_paper_in_both_themes() -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3), for letters of any size."""
    style = Path(page.__file__).with_name("style.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})", part)) for part in style.split("@media (prefers")[:2])
    for theme in (light, dark):
        for paper in ("paper", "card", "wash"):
            for ink in ("ink", "quiet", "gold", "good", "bad"):
                assert contrast(theme[ink], theme[paper]) >= 4.5, (ink, paper, theme[ink])
    assert contrast("#777", "#fff") < 4.5


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_what_fails_for_one_reason_is_told_once() -> None:
    names = ("profit_factor", "sharpe_per_trade")
    gates = [gate(name, None if name in names else got, "no trade" * (name in names)) for name, got in GOOD.items()]
    said = words(made(gates=gates), "verdicts")
    assert "Profit factor, Sharpe per trade : not computable: no trade." in said


def test_a_long_window_with_many_trades_is_still_a_small_page() -> None:
    ts = pd.date_range("2023-01-01", periods=50_000, freq="15min", tz="UTC")
    draws = np.random.default_rng(1)
    equity = pd.Series(1e5 * np.exp(np.cumsum(draws.normal(0.0, 1e-3, len(ts)))), index=ts)
    trades = pd.DataFrame({name: draws.random(3_000) for name in ("mae", "mfe", "r")})
    assert len(made(everything()._replace(equity=equity, trades=trades)).encode()) < 250_000


def test_every_used_feature_is_named() -> None:
    said = words(made(), "features")
    assert all(name in said for name in FEATURES)
