"""How a card tells why its features were chosen: what each moves, what is lost without it, and who agreed."""

from collections.abc import Mapping
from typing import Any

from registry.markdown_tables import section, table
from registry.shortfall import percent

SHOWN = 15
_PER = 10_000  # log-losses differ in the fourth decimal
_EXPLAINED = (
    "SHAP: share of what moves the model's scores. Gain: share of what the trees gained where they learnt. Lost: how "
    "many ten-thousandths of a nat a row the log-loss of unseen rows grows when the feature's whole cluster is "
    "shuffled; at or below 0 it knew nothing that held. Folds: how many chose it. Features of one cluster say the same."
)


def why(card: Mapping[str, Any]) -> str:
    """Return the section on the chosen features, those that move the model most first; empty where nothing is known."""
    told = card["selection"]
    features = told.get("features", {})
    if not features:
        return ""
    most = sorted(features.items(), key=lambda item: (-item[1]["shap"], item[0]))[:SHOWN]
    return section("Why these features", "\n\n".join([_agreement(told), table(_rows(dict(most))), _EXPLAINED]))


def _agreement(told: Mapping[str, Any]) -> str:
    clusters = f"{len({one['cluster'] for one in told['features'].values()})} of {told['clusters']} clusters"
    stability = told["stability"]
    agreed = "not computable" if stability is None else f"{stability:.2f} (1: all alike, 0: as by chance)"
    return f"{len(told['features'])} features from {clusters}. Stability of the choice over folds: {agreed}."


def _rows(features: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "Feature": f"`{name}`",
            "SHAP": percent(one["shap"], 1),
            "Gain": percent(one["gain"], 1),
            "Lost": f"{_PER * one['permutation']:+.1f}",
            "Folds": str(one["folds"]),
            "Cluster": str(one["cluster"]),
        }
        for name, one in features.items()
    ]
