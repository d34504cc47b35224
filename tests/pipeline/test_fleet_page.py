"""The report on a fleet as a page: what it says, that it says it in words, and how a browser shows it."""

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from registry.report import fleet_page
from tests import browser
from tests.pipeline import fleet_answers
from tests.pipeline.conftest import CommandLine
from tests.pipeline.fleet_answers import NAMES, OTHERS, READY, TODAY
from tests.registry.test_report import Reader

ORDER = ("headline", "heat", "gates", "portfolio", "independence", "drift", "champions", "cost")
EVIL = '<script>alert("1")</script>&\'"'
PHONE, DESK, PAPER = 360, 1200, 1046  # A4 across, less its margins

in_a_browser = pytest.mark.skipif(bool(browser.lacking()), reason=browser.lacking())


@pytest.fixture(scope="module")
def text() -> str:
    return made()


def made(**changes: Any) -> str:
    return fleet_page.to_html(fleet_answers.every() | changes, TODAY)


def words(text: str, section: str) -> str:
    return " ".join(Reader(text).sections[section].split())


def cells(text: str) -> dict[str, str]:
    """Return what the cell of each series in the heat map says."""
    found = re.findall(r'<td><a href="#series-(\w+)"[^>]*>(.*?)</a></td>', text)
    return {name: " ".join(html.unescape(re.sub("<[^>]*>", " ", inner)).split()) for name, inner in found}


def test_the_page_has_its_sections_in_order_and_needs_nothing_but_itself(text):
    read = Reader(text)
    assert tuple(read.sections) == ORDER
    assert read.wrong == []
    assert {link[:8] for link in read.loads} == {"#series-"}
    assert not re.search(r"https?://|url\(|@import|<script", text)
    assert made() == text
    assert len(text.encode()) < 250_000


@pytest.mark.parametrize(
    ("luck", "said"),
    [
        ({}, "48 series, 41 of them judged: 3 are READY after 41 looks at judged windows. Luck alone would have "
             "promoted 0.00 of so many, at most 0.41 (95 %), by the gate's measured error rate."),
        ({"ready": 1, "looks": 1_200}, "1 is READY after 1,200 looks"),
        ({"ready": 0}, "none is READY after 41 looks"),
        ({"unmeasured": ["XAUUSD_5T"]}, "is not known: nobody has measured this gate."),
    ],
)  # fmt: skip
def test_the_first_sentence_says_how_many_are_ready_and_how_many_luck_would_be(luck, said):
    told = html.unescape(made(luck=fleet_answers.luck(41, 3) | luck))
    assert said in told.partition("</header>")[0]


def test_each_series_has_one_cell_that_leads_to_one_row(text):
    links = Counter(re.findall(r'href="#([^"]+)"', text))
    rows = Counter(re.findall(r'id="(series-[^"]+)"', text))
    assert links == rows == {f"series-{name}": 1 for name in NAMES}


def test_cells_say_in_words_what_became_of_a_series(text):
    """What has no verdict is never taken for FAILED, and READY is more than a colour."""
    told = cells(text)
    lacking = {name: 1 + at % 6 for at, name in enumerate(NAMES)}
    for name in NAMES:
        if name in READY:
            assert told[name] == "READY 6 of 6"
        elif name not in OTHERS:
            assert told[name] == f"FAILED {6 - lacking[name]} of 6"
    others = {OTHERS[name][0]: told[name] for name in OTHERS}
    alike = ("missing", "refused", "stale", "not run", "working", "damaged")
    assert others == {name: name for name in alike} | {"failed": "error"}
    looks = re.findall(r'class="state (\w+)"', text)
    assert len({*looks}) == 8, "only an error and a damaged card look alike"


def test_each_gate_is_told_with_its_value_and_its_bound():
    verdicts = [fleet_answers.judged("XAUUSD_15T", 2), fleet_answers.judged("XAUUSD_1H")]
    said = words(made(verdicts=verdicts), "gates")
    assert "XAUUSD_15T FAILED 0.96 fail ≥ 1.60 10.2 % fail ≤ 6.0 % 0.310 pass ≥ 0.250" in said
    assert "XAUUSD_1H READY 1.82 pass ≥ 1.60 4.1 % pass ≤ 6.0 % 0.310 pass ≥ 0.250" in said
    assert "Passed by 1 of 2 1 of 2 2 of 2" in said


def test_series_of_different_profiles_stand_in_different_tables():
    honest = fleet_answers.judged("XAUUSD_1H") | {"profile": "honest"}
    said = words(made(verdicts=[fleet_answers.judged("XAUUSD_15T"), honest]), "gates")
    assert said.index("Profile six 1 judged") < said.index("XAUUSD_15T") < said.index("Profile honest 1 judged")


def test_those_without_a_verdict_for_one_reason_are_told_once():
    idle = [fleet_answers.row(f"EURUSD_{name}", "not run") for name in ("1H", "4H")]
    said = words(made(verdicts=[fleet_answers.judged("XAUUSD_15T"), *idle]), "gates")
    assert "Without a verdict (2) State Series Why not run EURUSD_1H EURUSD_4H nobody has trained it yet" in said


def test_where_nothing_is_ready_it_is_said_and_nothing_is_drawn():
    page = fleet_page.to_html(fleet_answers.every(ready=()), TODAY)
    drawn = page.partition('id="portfolio"')[2].partition("</section>")[0]
    assert "No model is READY: there is nothing to put on an account." in drawn
    assert "<svg" not in drawn
    assert "<svg" in made().partition('id="portfolio"')[2].partition("</section>")[0]
    assert "0 READY" in page


def test_the_equity_and_its_largest_fall_are_those_of_the_account():
    told = fleet_answers.portfolio([*READY])
    value = told["equity"]["value"]
    fall = max(1.0 - one / max(value[: at + 1]) for at, one in enumerate(value))
    page = made(portfolio=told)
    assert f"<title>Equity from {value[0]:,.0f} to {value[-1]:,.0f}</title>" in page
    assert f"<title>Largest fall {100 * fall:.1f} %</title>" in page


def test_every_pair_of_models_is_a_figure_of_the_matrix(text):
    told = fleet_answers.every()["independence"]
    body = text.partition('class="matrix"')[2].partition("</tbody>")[0].partition("<tbody>")[2]
    shown = sorted(float(value.replace("−", "-")) for value in re.findall(r"<td[^>]*>([^<]+)</td>", body))
    assert shown == sorted(round(one["correlation"], 2) + 0.0 for one in told["pairs"])
    assert "1 more did not trade" in words(text, "independence")


def test_models_that_share_no_days_have_no_matrix():
    alone = fleet_answers.independence(["XAUUSD_15T", "XAUUSD_1H"])
    said = words(made(independence=alone), "independence")
    assert "No two models have 30 days in common" in said


def test_models_that_never_traded_are_worth_none():
    none = {"models": 18, "traded": 0, "days": 0, "mean_correlation": 0.0, "effective": 0.0}
    said = words(made(independence=none | {"most_alike": [], "pairs": []}), "independence")
    assert "none of 18 models traded: they are worth none" in said


def test_the_worst_input_of_a_series_is_named_beside_what_chance_would_do(text):
    at = NAMES.index("XAUUSD_1H") - 1  # the first has no verdict
    told = fleet_answers.drift(at)
    said = words(text, "drift")
    figures = f"{told['further']} of 50 3.8 {told['worst']} {told['judged']:.2f} 0.90"
    assert f"XAUUSD_1H {figures}" in said
    assert "XAUUSD_4H : fewer than 4 windows of the judged one's length came before it." in said


@pytest.mark.parametrize(
    ("days", "said"),
    [(40, "EXPIRED 40 days ago"), (0, "EXPIRED 0 days ago"), (-1, "1 day left"), (-200, "200 days left")],
)
def test_a_champion_is_told_with_its_age_and_its_expiry(days, said):
    told = words(made(champions=[fleet_answers.champion("EURUSD_4H", days)]), "champions")
    assert told.count("EURUSD_4H v2") == 1
    assert "XAUUSD" not in told
    assert said in told
    assert "2025-04-22 313 days" in told


def test_a_champion_whose_record_is_refused_or_old_is_told():
    altered = fleet_answers.champion("EURUSD_4H", -9) | {"problem": "the record does not match its signature"}
    old = fleet_answers.champion("BTCUSD_1H", -9) | dict.fromkeys(("expires", "trained_until", "stage"))
    said = words(made(champions=[altered, old]), "champions")
    assert "NOT TRUSTED" in said and "EURUSD_4H: the record does not match its signature" in said
    assert "BTCUSD_1H v2 – – –" in said and "never expires" in said
    assert "No series of the fleet has a champion" in words(made(champions=[]), "champions")


def test_cost_names_the_slowest_and_every_stage(text):
    said = words(text, "cost")
    assert "the slowest series is US500_4H" in said
    places = [said.index(f" {stage} ") for stage in ("enrich", "label", "causality", "train", "backtest", "gate")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdicts": [fleet_answers.judged("XAUUSD_5T"), fleet_answers.row("XAUUSD_1T", "failed", EVIL)]},
        {"verdicts": [fleet_answers.row("XAUUSD_1T", EVIL, "")]},
        {"verdicts": [fleet_answers.judged("XAUUSD_5T") | {"series": EVIL, "symbol": EVIL, "timeframe": EVIL}]},
        {"home": EVIL},
        {"drift": {"XAUUSD_5T": {"why": EVIL}}},
        {"drift": {EVIL: fleet_answers.drift(3) | {"worst": EVIL}}},
        {"champions": [fleet_answers.champion(EVIL, 0) | {"problem": EVIL, "stage": EVIL, "version": EVIL}]},
        {"portfolio": fleet_answers.portfolio([EVIL]) | {"refused": {EVIL: 1}}},
        {"portfolio": {"why": EVIL}},
        {"independence": fleet_answers.independence([EVIL, "XAUUSD_5T", "XAUUSD_1H"])},
        {"cost": fleet_answers.cost([EVIL])},
        {"luck": fleet_answers.luck(1, 0) | {"unmeasured": [EVIL]}},
    ],
)
def test_what_a_reason_or_a_name_holds_is_told_and_never_markup(changes):
    page = made(**changes)
    read = Reader(page)
    assert read.wrong == []
    assert all(link.startswith("#series-") for link in read.loads)
    assert "<script" not in page.lower()
    assert "alert(" in page


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


_SEEN = """
const size = one => { const found = one.getBoundingClientRect(); return found.width * found.height };
const channel = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const light = rgb => rgb.slice(0, 3).map(one => channel(one / 255)).reduce((sum, one, at) =>
  sum + one * [0.2126, 0.7152, 0.0722][at], 0);
const parts = text => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
const known = new Map([[null, [255, 255, 255]]]);
const paper = one => {
  if (!known.has(one)) {
    const [below, top] = [paper(one.parentElement), parts(getComputedStyle(one).backgroundColor)];
    known.set(one, below.map((value, at) => value + (top[at] - value) * top[3]));
  }
  return known.get(one);
};
const contrast = one => {
  const pair = [light(parts(getComputedStyle(one).color)), light(paper(one))].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
};
const says = one => [...one.childNodes].some(part => part.nodeType === 3 && part.data.trim()) && one.checkVisibility();
const letters = [...document.querySelectorAll("main *:not(svg *)")].filter(says);
return JSON.stringify({
  headings: [...document.querySelectorAll("h2")].filter(one => size(one) > 0).map(one => one.innerText),
  flat: [...document.querySelectorAll("section, td, .plot > svg, .row svg")].filter(one => one.checkVisibility()
    && size(one) < 1).length,
  cells: document.querySelectorAll(".heatmap td a").length,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  least: Math.min(...letters.map(contrast)),
  paper: getComputedStyle(document.body).backgroundColor,
});
"""


def seen(driver: webdriver.Chrome, path: Path, page: str, width: int, scheme: str = "light") -> dict[str, Any]:
    """Return what stands on a page, and what the console of the browser says of it."""
    path.write_text(page, encoding="utf-8")
    browser.show(driver, path.as_uri(), width, scheme)
    return looked_at(driver)


def looked_at(driver: webdriver.Chrome) -> dict[str, Any]:
    found = json.loads(driver.execute_script(_SEEN))
    return found | {"console": [entry["message"] for entry in driver.get_log("browser")]}


@in_a_browser
@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")])
def test_a_fleet_of_forty_eight_is_readable_on_a_phone_and_on_a_desk(driver, tmp_path, text, width, scheme):
    found = seen(driver, tmp_path / "fleet.html", text, width, scheme)
    assert found["headings"] == [
        *("Gates by symbol and timeframe", "Gates by series", "The READY ones on one account", "Independence"),
        *("Drift of inputs", "Champions", "Cost"),
    ]
    assert (found["cells"], found["flat"], found["wide"], found["console"]) == (48, 0, 0, [])
    assert found["least"] >= 4.5
    assert found["paper"] == ("rgb(18, 20, 23)" if scheme == "dark" else "rgb(247, 245, 240)")


@in_a_browser
def test_all_columns_fit_on_paper(driver, tmp_path, text):
    seen(driver, tmp_path / "fleet.html", text, PAPER)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        found = looked_at(driver)
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (found["wide"], found["cells"]) == (0, 48)


@in_a_browser
def test_a_page_that_is_too_wide_too_faint_or_broken_is_seen(driver, tmp_path, text):
    spoilt = text.replace("</style>", ".scroll{overflow:visible}.state b{color:rgba(222,84,76)}</style>")
    spoilt = spoilt.replace("</footer>", "<script>nobody.home()</script></footer>")
    found = seen(driver, tmp_path / "spoilt.html", spoilt, PHONE)
    assert found["wide"] > 100
    assert found["least"] < 4.5
    assert any("nobody" in line for line in found["console"])


def test_the_page_is_asked_for_with_html_and_goes_where_one_says(tmp_path):
    assay = CommandLine(tmp_path)
    ended = assay("fleet", "report", "--to", str(tmp_path / "page.html"))
    assert (ended.code, "give both" in ended.err) == (2, True)
    ended = assay("fleet", "report", "--html", "--to", str(tmp_path))
    assert (ended.code, "is a folder" in ended.err) == (2, True)
    ended = assay("fleet", "report", "--html")
    assert (ended.code, "No series of the fleet has a verdict that stands" in ended.err) == (6, True)
    assert assay.files() == []
