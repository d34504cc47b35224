"""How a model card reads: pure text from the card's fields, the verdict first and the small print last."""

from collections.abc import Mapping, Sequence
from typing import Any

from market.gate_settings import SIX
from registry import markdown_luck, markdown_paths, markdown_placebo
from registry.figures import counted
from registry.gates import GATES, Gate, what_it_would_take
from registry.markdown_features import why
from registry.markdown_tables import bullets, figures, grouped, pairs, section, show, table, words

_SKILLS = {
    "oos": "in direction, out of sample",
    "out_of_fold": "in direction, out of fold",
    "oos_classes": "over all three classes, out of sample",
    "out_of_fold_classes": "over all three classes, out of fold",
}
_SKILL_EXPLAINED = (
    "Skill is the share of log-loss saved against always forecasting the training part's base rate. In direction it is "
    "asked on rows that ended up or down: which? Over all three classes it is positive on any market, since a wide "
    "spread or a quiet hour makes Flat likelier and is known beforehand; it earns nothing."
)
_FOLD_COLUMNS = {
    "fold": "Fold",
    "trades": "Trades",
    "profit_factor": "PF",
    "win_rate": "Wins",
    "expectancy": "R/trade",
    "skill": "Skill",
    "thresholds": "Thresholds",
}
_FORECAST_COLUMNS = {
    "fold": "Fold",
    "flat_share": "Flat",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auc": "AUC",
    "log_loss": "Log-loss",
    "brier": "Brier",
    "calibration_error": "Calib. err.",
    "skill_low": "Skill from",
    "skill_high": "to",
}
_PLOTS = ("gates", "equity", "folds", "calibration", "importance")


def to_page(card: Mapping[str, Any]) -> str:
    """Return the whole card as Markdown; `card` is `Card.model_dump()`."""
    sections = [
        _verdict(card),
        _benchmarks(card),
        markdown_luck.verdicts(card),
        _remedies(card),
        _honesty(card),
        markdown_luck.luck(card),
        markdown_luck.robustness(card),
        markdown_luck.chances(card),
        markdown_placebo.error_rate(card),
        markdown_paths.paths(card),
        section("Data warnings", bullets(card["warnings"]) or "None."),
        section("Window", pairs(card["window"] | {"validation": card["validation"], "labels": card["labels"]})),
        section("Folds", _folds(card["folds"])),
        section("Forecasts of the folds", _forecasts(card["folds"])),
        section("Splits", _splits(card["splits"])),
        section("Out of sample", figures(card["oos"])),
        *(section(f"Out of sample by {by}", grouped(by, rows)) for by, rows in card["oos_breakdown"].items()),
        section("Costs", pairs(card["costs"])),
        section("Rules", pairs({name: card[name] for name in ("exits", "policy", "risk")})),
        section("Model", pairs({"recipe": card["recipe"], "members": card["members"]} | _fitted(card["model"]))),
        section("Feature groups of the owner's", pairs(card["own_groups"])),
        section("Companions", _companions(card["companions"])),
        why(card),
        section(f"Features ({len(card['features'])})", ", ".join(f"`{name}`" for name in card["features"])),
        _provenance(card),
        section("Plots", bullets(f"plots/{name}.png" for name in _plots(card))),
    ]
    return "\n\n".join(one for one in sections if one) + "\n"


def to_headline(card: Mapping[str, Any]) -> list[str]:
    """Return the card's first lines for a terminal, without markup."""
    lines = [_title(card), ""]
    for gate in _gates(card):
        mark = "pass" if gate.passed else "FAIL"
        lines.append(f"{mark}  {GATES[gate.name].title:<18} {_got(gate):>14}  {_wanted(gate):<9} {_lacks(gate, card)}")
    lines += ["", *(f"{what}: {text}" for what, text in _skill(card).items()), trials_line(card)]
    lines += markdown_luck.proof_lines(card)
    lines += [*markdown_placebo.lines(card), *markdown_paths.lines(card)]
    if card["warnings"]:
        lines.append(f"Data warnings: {len(card['warnings'])}; they are on the card.")
    if card["remedies"]:
        lines += ["", "What might help:", *(f"{at}. {text}" for at, text in enumerate(card["remedies"], start=1))]
    return [line.rstrip() for line in lines]


def _plots(card: Mapping[str, Any]) -> tuple[str, ...]:
    stress = ("stress",) if "scenarios" in card["robustness"] else ()
    power = ("power",) if card["placebo"].get("power") else ()
    paths = ("paths",) if card["paths"] else ()
    return (*_PLOTS, *stress, *power, *paths)


def skilled_folds(folds: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how many folds have skill (the interval's low end above 0), or None where no fold has a measured skill."""
    lows = [fold["skill_low"] for fold in folds if "skill_low" in fold]
    return sum(low is not None and low > 0 for low in lows) if lows else None


def _gates(card: Mapping[str, Any]) -> list[Gate]:
    return [Gate.model_validate(gate) for gate in card["gates"]]


def _title(card: Mapping[str, Any]) -> str:
    failed = sum(not gate["passed"] for gate in card["gates"])
    what = "passes every benchmark" if not failed else f"fails {failed} of {len(card['gates'])} benchmarks"
    if card["profile"] != SIX:
        what += f" of profile {card['profile']}"
    what = f"{_without_skill(card)}{what}"
    simulated = "SIMULATED, never real: " if card["simulated"] else ""
    return f"{card['series']} {card['status']}: {simulated}{what}"


def _without_skill(card: Mapping[str, Any]) -> str:
    """Return what the first line says where the folds do not know the direction, else an empty string.

    Some folds have skill by luck: an interval of 90 % lies above 0 in one of twenty that know nothing.
    """
    folds, low = skilled_folds(card["folds"]), card["skill"].get("out_of_fold", {}).get("low")
    if folds == 0:
        return "no fold has skill in direction against the base rate; "
    if folds is None or low is None or low > 0.0:
        return ""
    count = len(card["folds"])
    return f"skill in direction does not differ from none ({folds} of {count} folds, luck makes {0.05 * count:g}); "


def _verdict(card: Mapping[str, Any]) -> str:
    facts = f"Made {card['made_at']}" + (f", run `{card['run_id']}`" if card["run_id"] else "")
    return f"# {_title(card)}\n\n{facts}, recipe `{card['recipe']}`."


def _got(gate: Gate) -> str:
    if gate.got is None:
        return "not computable" if gate.asked else "not asked"
    shown = GATES[gate.name].show(gate.got)
    return f"{gate.got:.6g}" if not gate.passed and shown == GATES[gate.name].show(gate.wanted) else shown


def _wanted(gate: Gate) -> str:
    return f"{'≥' if gate.direction == '>=' else '≤'} {GATES[gate.name].show(gate.wanted)}"


def _lacks(gate: Gate, card: Mapping[str, Any]) -> str:
    return what_it_would_take(gate, markdown_luck.trades_of(card))


def _mark(gate: Gate) -> str:
    return "✅" if gate.passed else "❌"


def _interval(gate: Gate) -> str:
    if gate.interval is None:
        return "–"
    low, high = (GATES[gate.name].show(end) for end in gate.interval)
    return f"{low} … {high}"


def _benchmarks(card: Mapping[str, Any]) -> str:
    head = ["| | Benchmark | Got | Wanted | 90 % interval |", "|---|---|---|---|---|"]
    rows = [
        f"| {_mark(gate)} | {GATES[gate.name].title} | {_got(gate)} | {_wanted(gate)} | {_interval(gate)} |"
        for gate in _gates(card)
    ]
    failed = [f"**{GATES[gate.name].title}**: {_lacks(gate, card)}." for gate in _gates(card) if not gate.passed]
    takes = f"\n\nWhat it would take:\n\n{bullets(failed)}" if failed else ""
    return section("Benchmarks", "\n".join(head + rows) + takes)


def _remedies(card: Mapping[str, Any]) -> str:
    numbered = "\n".join(f"{at}. {text}" for at, text in enumerate(card["remedies"], start=1))
    return section("What might help", numbered)


def _honesty(card: Mapping[str, Any]) -> str:
    lines = [f"{what}: {text}." for what, text in _skill(card).items()]
    return section("Skill, trials and looks", f"{bullets([*lines, trials_line(card)])}\n\n{_SKILL_EXPLAINED}")


def _skill(card: Mapping[str, Any]) -> dict[str, str]:
    lines = {f"Skill {_SKILLS.get(name, words(name))}": _skill_text(value) for name, value in card["skill"].items()}
    with_skill = skilled_folds(card["folds"])
    if with_skill is not None:
        lines["Folds with skill in direction"] = f"{with_skill} of {len(card['folds'])}"
    return lines


def _skill_text(value: Any) -> str:
    if isinstance(value, Mapping) and "skill" in value:
        text = "not computable" if value["skill"] is None else f"{value['skill']:+.4f}"
        low, high = value.get("low"), value.get("high")
        return text if low is None or high is None else f"{text} (90 % interval {low:+.4f} … {high:+.4f})"
    return show("skill", value)


def trials_line(card: Mapping[str, Any]) -> str:
    """Return the trials and looks of a card in one line; what they cost is on cards that know it."""
    looks = f"{counted(card['looks'], 'look')} at this out-of-sample window"
    tried = counted(card["trials"], "trial")
    if card["effective_trials"] is None:
        return f"{tried} of this series so far, {looks}"
    worth = f"{counted(card['configurations'], 'configuration')}, worth {card['effective_trials']:,.1f} independent"
    luck = f"Sharpe per trade of {card['expected_best_sharpe_200']:.2f} over 200 trades"
    return f"{tried} of this series so far ({worth}): luck alone shows a {luck}; {looks}"


def _folds(folds: Sequence[Mapping[str, Any]]) -> str:
    known = [name for name in _FOLD_COLUMNS if any(name in fold for fold in folds)]
    rows = []
    for fold in folds:
        period = f"{_day(fold.get('test_start'))} … {_day(fold.get('test_end'))}"
        cells = {_FOLD_COLUMNS[name]: show(name, fold.get(name)) for name in known}
        rows.append(cells | ({"Judged on": period} if "test_start" in fold else {}))
    return table(rows)


def _fitted(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the members were fitted, each under its name; parameters only of those that have some of their own."""
    parameters = {f"parameters of {name}": given for name, given in model.get("parameters", {}).items() if given}
    return {name: told for name, told in model.items() if name != "parameters"} | parameters


def _forecasts(folds: Sequence[Mapping[str, Any]]) -> str:
    known = [name for name in _FORECAST_COLUMNS if any(name in fold for fold in folds)]
    if "log_loss" not in known:
        return ""
    return table([{_FORECAST_COLUMNS[name]: show(name, fold.get(name)) for name in known} for fold in folds])


def _splits(splits: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each kind of split: how many, rows purged and embargoed in all, the fewest left, leaks."""
    rows = []
    for kind in dict.fromkeys(split["kind"] for split in splits):
        of_kind = [split for split in splits if split["kind"] == kind]
        purged, embargoed, leaks = (sum(split[name] for split in of_kind) for name in ("purged", "embargoed", "leaks"))
        told = {"Split": kind, "Number": len(of_kind), "Purged": purged, "Embargoed": embargoed}
        rows.append(told | {"Fewest left": min(split["left"] for split in of_kind), "Leaks": leaks})
    return table(rows)


def _day(stamp: Any) -> str:
    return "–" if stamp is None else str(stamp)[:10]


def _companions(told: Mapping[str, Any]) -> str:
    """Return a line for each companion that the features compare with, and one for those that are not stored."""
    used = [f"{symbol}: {one['rows']:,} bars, sha256 `{one['sha256']}`" for symbol, one in told.get("used", {}).items()]
    left_out = ", ".join(told.get("left_out", ()))
    return bullets([*used, f"left out, as no bars of them are stored: {left_out}"] if left_out else used)


def _provenance(card: Mapping[str, Any]) -> str:
    hashes = {name: f"`{card[name]}`" for name in ("bars_sha256", "features_sha256", "labels_sha256", "bundle_sha256")}
    seconds = {name: f"{value:.1f} s" for name, value in card["seconds"].items()}
    return section("Versions", pairs(hashes | card["versions"] | {"seconds": seconds}))
