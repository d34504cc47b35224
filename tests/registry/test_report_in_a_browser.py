"""The report as a browser shows it: on a phone and on a desk, by day and by night, and inside the MLflow UI."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from registry import serving, tracking
from registry.report import page
from registry.report.shown import Shown
from tests import browser
from tests.registry.cards import make_card
from tests.registry.reports import asked_everything, everything
from tests.registry.test_report import ORDER

pytestmark = pytest.mark.skipif(bool(browser.lacking()), reason=browser.lacking())

PHONE, DESK = 360, 1200
PATIENCE = 40.0
WIDE = '<p style="width:2000px">wide</p></main>'
_SEEN = """
const box = one => { const found = one.getBoundingClientRect(); return found.width * found.height };
const style = getComputedStyle(document.body);
return JSON.stringify({
  sections: [...document.querySelectorAll("section")].map(one => one.id),
  flat: [...document.querySelectorAll("section")].filter(one => box(one) < 1).map(one => one.id),
  pictures: document.querySelectorAll("svg").length,
  empty: [...document.querySelectorAll(".plot > svg, .strip, .row svg")].filter(one => box(one) < 1).length,
  lines: [...document.querySelectorAll("path.line, path.dots")].filter(one => one.getTotalLength() <= 0
    && !one.classList.contains("dots")).length,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  beyond: [...document.querySelectorAll("svg text")].filter(one => one.getClientRects().length).filter(one =>
    one.getBoundingClientRect().left < 0 || one.getBoundingClientRect().right > innerWidth).map(one => one.textContent),
  ink: style.color, paper: style.backgroundColor,
});
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def seen(driver: webdriver.Chrome, path: Path, width: int, scheme: str = "light") -> dict[str, Any]:
    """Return what stands on the page at `path`, and what the console of the browser says of it."""
    browser.show(driver, path.as_uri(), width, scheme)
    found = json.loads(driver.execute_script(_SEEN))
    return found | {"console": [entry["message"] for entry in driver.get_log("browser")]}


def written(folder: Path, text: str) -> Path:
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_all_of_it_is_drawn_within_the_screen(driver, tmp_path: Path, width: int, scheme: str) -> None:
    path = written(tmp_path, page.to_html(asked_everything(), everything()))
    found = seen(driver, path, width, scheme)
    browser.picture(driver, tmp_path / f"report_{width}_{scheme}.png")
    assert tuple(found["sections"]) == ORDER
    assert found["pictures"] > 50
    nothing: dict[str, Any] = {"flat": [], "empty": 0, "lines": 0, "wide": 0, "beyond": [], "console": []}
    assert {name: found[name] for name in nothing} == nothing
    dark, light = "rgb(18, 20, 23)", "rgb(247, 245, 240)"
    assert found["paper"] == (dark if scheme == "dark" else light)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_long_names_and_a_run_that_knows_nothing_stay_within_the_screen(driver, tmp_path: Path, width: int) -> None:
    long = "own_group__" + 30 * "very_long_name_"
    gates = [one.model_copy(update={"note": long}) for one in asked_everything().gates]
    known = {"features": [long], "recipe": long, "warnings": [long], "remedies": [long], "versions": {long: long}}
    for card in (asked_everything(**known, gates=gates, own_groups={long: "a" * 64}), make_card(folds=[])):
        found = seen(driver, written(tmp_path, page.to_html(card, Shown())), width)
        assert found["wide"] == 0 and found["console"] == []


def test_a_page_that_is_too_wide_or_broken_is_seen(driver, tmp_path: Path) -> None:
    text = page.to_html(asked_everything(), everything())
    spoilt = text.replace("</main>", WIDE).replace("</footer>", "<script>nobody.home()</script></footer>")
    found = seen(driver, written(tmp_path, spoilt), PHONE)
    assert found["wide"] > 1000 and any("nobody" in line for line in found["console"])


def test_tables_scroll_in_boxes_of_their_own_and_more_opens_on_demand(driver, tmp_path: Path) -> None:
    seen(driver, written(tmp_path, page.to_html(asked_everything(), everything())), PHONE)
    inner = 'const box = document.querySelector("#stress .scroll"); return box.scrollWidth - box.clientWidth'
    assert driver.execute_script(inner) > 0
    summary = driver.find_element(By.CSS_SELECTOR, "#importance summary")
    table = driver.find_element(By.CSS_SELECTOR, "#importance table")
    assert not table.is_displayed()
    driver.execute_script("arguments[0].click()", summary)
    assert table.is_displayed()


def test_the_report_opens_from_the_artifacts_of_its_run_in_mlflow(driver, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shown = everything()
    run_id = tracking.log_run(
        home, asked_everything(), "# Verdict", {}, {}, report=lambda card: page.to_html(card, shown)
    )
    with tracking.opened(home) as client:
        experiment = client.get_run(run_id).info.experiment_id
    port = free_port()
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(
        serving.command(home, port), env=serving.environment(), stdout=log, stderr=log, start_new_session=True
    )
    try:
        answers(port)
        address = f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs/{run_id}"
        browser.show(driver, address, 1400)
        wait = WebDriverWait(driver, PATIENCE)
        wait.until(lambda page_: run_id in page_.page_source and "Verdict" in page_.page_source)
        driver.save_screenshot(str(tmp_path / "run.png"))
        driver.get(f"{address}/artifacts/report.html")
        frame = wait.until(lambda page_: page_.find_elements(By.TAG_NAME, "iframe"))[0]
        driver.switch_to.frame(frame)
        wait.until(lambda page_: page_.find_elements(By.TAG_NAME, "footer"))
        found = json.loads(driver.execute_script(_SEEN))
        assert tuple(found["sections"]) == ORDER
        assert (found["flat"], found["empty"], found["wide"], found["beyond"]) == ([], 0, 0, [])
        assert run_id[:12] in driver.find_element(By.TAG_NAME, "header").text
        driver.switch_to.default_content()
        driver.save_screenshot(str(tmp_path / "artifact.png"))
    finally:
        driver.switch_to.default_content()
        driver.get("about:blank")
        server.terminate()
        server.wait()
        log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> None:
    """Wait until a server listens on `port`."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            assert time.monotonic() < until, "the MLflow server does not listen"
            time.sleep(0.2)
