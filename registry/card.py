"""The model card: everything known about one training, as a closed record; how it reads is in `registry.markdown`."""

import datetime as dt
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from market.errors import DataError
from market.gate_settings import SIX
from registry.gates import Gate, status
from registry.markdown import to_headline, to_page
from registry.plain_values import plain

SIMULATED = "SIM_"


class Card(BaseModel):
    """One training, judged: what it was made from, how it was validated, what it earned and whether it is READY.

    Closed and immutable; numbers that are not computable are None, never NaN. The verdict must follow from the gates,
    and a simulated series must be named as one, or the card cannot be built. In `skill`, `oos` and `out_of_fold` each
    hold `skill`, `low` and `high`; in a fold, `skill_low` above 0 means skill in direction. `own_groups` are the
    owner's feature groups among those used, each with the SHA-256 of its file. `splits` are the audits of every split
    that training used: rows `test`, `purged`, `embargoed` and `left`, and `leaks`. `selection` says why the features
    were chosen: `stability` over the folds, the number of `clusters`, and for each of `features` its cluster, what
    permuting that cluster costs (`permutation`, nats a row), shares of gain and of SHAP, and how many folds chose it.
    `model` tells how the members were fitted: rounds, parameters that are not their defaults, kinds of calibration.
    `profile` is the one whose `gates` decide; `verdicts` are the gates of each profile that is shown, this one too.
    `significance` says what luck alone would have shown (`registry.significance`), `robustness` what worse fills make
    of it (`backtest.stress.Stress` without its draws, with `bounds`), `chances` how often the benchmarks are passed by
    luck and with the claimed edge (`registry.chances`); each is {"why": …} without a trade, empty on older cards.
    `placebo` is the measured error rate of the gate itself (`pipeline.placebo_record`), or {"why": …}; `paths` are
    those of combinatorial cross-validation, {} where none were asked for.
    `configurations`, `effective_trials` and `expected_best_sharpe_200` are as in `registry.deflation`, None on older
    cards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    series: str
    status: Literal["READY", "FAILED"]
    run_id: str
    made_at: str
    simulated: bool
    bars_sha256: str
    features_sha256: str
    labels_sha256: str
    bundle_sha256: str
    recipe: str
    members: dict[str, float]
    window: dict[str, Any]
    validation: dict[str, Any]
    gates: list[Gate]
    oos: dict[str, float | int | None]
    oos_breakdown: dict[str, list[dict[str, Any]]]
    folds: list[dict[str, Any]]
    skill: dict[str, Any]
    features: list[str]
    labels: dict[str, Any]
    costs: dict[str, Any]
    policy: dict[str, Any]
    risk: dict[str, Any]
    exits: dict[str, Any]
    trials: int
    looks: int
    warnings: list[str]
    remedies: list[str]
    versions: dict[str, str]
    seconds: dict[str, float]
    own_groups: dict[str, str] = {}
    companions: dict[str, Any] = {}
    splits: list[dict[str, Any]] = []
    configurations: int | None = None
    effective_trials: float | None = None
    expected_best_sharpe_200: float | None = None
    selection: dict[str, Any] = {}
    model: dict[str, Any] = {}
    profile: str = SIX
    verdicts: dict[str, list[Gate]] = {}
    significance: dict[str, Any] = {}
    robustness: dict[str, Any] = {}
    chances: dict[str, Any] = {}
    placebo: dict[str, Any] = {}
    paths: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        return {name: plain(value, name) for name, value in values.items()} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _verdict_follows_from_gates(self) -> Self:
        decided = status(self.gates, self.profile)
        if self.status != decided:
            raise ValueError(f"status is {self.status}, but the gates say {decided}")
        if self.verdicts.get(self.profile, self.gates) != self.gates:
            raise ValueError(f"the gates are not those of the verdict by profile {self.profile}, which decides")
        if self.simulated != self.series.startswith(SIMULATED):
            raise ValueError(f"series {self.series} with simulated={self.simulated}: simulated series are {SIMULATED}…")
        dt.datetime.fromisoformat(self.made_at)
        return self


def to_json(card: Card) -> str:
    """Return the card as indented JSON, the same text for the same card."""
    return card.model_dump_json(indent=1) + "\n"


def from_json(text: str | bytes, where: str = "card.json") -> Card:
    """Return the card that `to_json` wrote; raises DataError where the text is not one."""
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the card"
        raise DataError(f"{where} is not a model card of this version: {field}: {first['msg']}.") from None


def to_markdown(card: Card) -> str:
    """Return the card as Markdown: the verdict first, narrow enough for a phone."""
    return to_page(card.model_dump())


def headline(card: Card) -> list[str]:
    """Return the card's first lines for a terminal: verdict, benchmarks, skill, trials and looks, remedies."""
    return to_headline(card.model_dump())
