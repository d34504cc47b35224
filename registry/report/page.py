"""The whole report: its sections in the order in which one reads."""

from markupsafe import Markup

from registry.card import Card
from registry.report import (
    evidence,
    features,
    frame,
    gate,
    headline,
    paths,
    performance,
    provenance,
    validation,
    verdicts,
)
from registry.report.markup import NOTHING, section, tag
from registry.report.shown import Shown


def to_html(card: Card, shown: Shown) -> str:
    """Return the report of `card` as one HTML file without scripts or links to anything; the same text for the same."""
    sections = [
        ("verdicts", "Verdicts", verdicts.verdicts(card)),
        ("equity", "Equity and drawdown", performance.equity(card, shown)),
        ("folds", "Folds", validation.folds(card)),
        ("calibration", "Calibration", validation.calibration(shown)),
        ("importance", "Which features move it", validation.importance(card, shown)),
        ("months", "Months", performance.months(card, shown)),
        ("excursions", "Before trades ended", performance.excursions(shown)),
        ("costs", "Cost frontier", evidence.frontier(card, shown)),
        ("stress", "Worse fills", evidence.stress(card)),
        ("significance", "Against luck", evidence.significance(card)),
        ("placebo", "Placebo and power", gate.placebo(card)),
        ("paths", "Combinatorial paths", paths.paths(card)),
        ("drift", "Feature drift", features.drift(shown)),
        ("remedies", "What might help", headline.remedies(card)),
        ("features", f"Features ({len(card.features)})", features.catalogue(card)),
        ("settings", "Settings and versions", provenance.provenance(card)),
    ]
    top = tag("section", headline.numbers(card), headline.honesty(card), id="headline")
    body = [section(*one) for one in sections]
    main = tag("main", headline.masthead(card), top, *body, _foot(card))
    simulated = "SIMULATED " if card.simulated else ""
    return frame.document(f"{simulated}{card.series} {card.status}", headline.band(card), main)


def _foot(card: Card) -> Markup:
    never = "Simulated, never real. " if card.simulated else NOTHING
    return tag("footer", never, "Made by Assay from the model card of this run; the same numbers are in card.json.")
