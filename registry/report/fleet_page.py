"""The report on a fleet as one HTML file: what its verdicts are worth together, for the phone, for print."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from registry.report import fleet_gates, fleet_told, fleet_upkeep, fleet_worth, frame
from registry.report.markup import note, section, tag
from registry.report.svg import OCTAGON

Told = Mapping[str, Any]

STYLES = ("style.css", "fleet.css")


def to_html(answer: Told, today: dt.datetime) -> str:
    """Return the report `answer` (`pipeline.fleet_report.report`) as one page without scripts; ages are as of `today`.

    Links lead within the page alone. The same text for the same answer and instant.
    """
    sections = [
        ("heat", "Gates by symbol and timeframe", fleet_gates.heat(answer["verdicts"])),
        ("gates", "Gates by series", fleet_gates.gates(answer["verdicts"])),
        ("portfolio", "The READY ones on one account", fleet_worth.portfolio(answer["portfolio"])),
        ("independence", "Independence", fleet_worth.independence(answer["independence"])),
        ("drift", "Drift of inputs", fleet_upkeep.drift(answer["drift"])),
        ("champions", "Champions", fleet_upkeep.champions(answer["champions"], today)),
        ("cost", "Cost", fleet_upkeep.cost(answer["cost"])),
    ]
    body = [section(*one) for one in sections]
    top = tag("section", fleet_worth.tiles(answer), id="headline")
    main = tag("main", _masthead(answer, today), top, *body, _foot(answer))
    return frame.document(_title(answer), main, styles=STYLES)


def _title(answer: Told) -> str:
    return f"Fleet: {answer['luck']['ready']} of {len(answer['verdicts'])} READY"


def _masthead(answer: Told, today: dt.datetime) -> Markup:
    ready, every = answer["luck"]["ready"], len(answer["verdicts"])
    words = tag("div", tag("p", "Fleet report", class_="kicker"), tag("h1", f"{every} series"), class_="whose")
    stamp = tag("p", OCTAGON, tag("strong", f"{ready} READY"), class_=f"stamp {'good' if ready else 'quiet'}")
    facts = f"As of {today:%Y-%m-%d %H:%M} UTC"
    said = tag("p", fleet_told.verdict(answer), class_="verdict")
    return tag("header", tag("div", words, stamp, class_="top"), said, note(facts))


def _foot(answer: Told) -> Markup:
    where = tag("code", answer["home"])
    return tag("footer", "Made by Assay from what stands in ", where, "; the same numbers: assay fleet report --json.")
