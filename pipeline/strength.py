"""How strong an edge the demo needs: the listed seeds of one edge, each judged as the demo judges, and told in a table.

`python -m pipeline.strength --edge 0.45` measures one edge, 0 for noise. What is done already is not done again.
"""

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from market import command, settings
from pipeline import planted, screen
from pipeline.oracle import Oracle
from pipeline.planted import Market
from registry.gates import GATES


def measure(
    edge: float, seeds: tuple[int, ...], home: Path, progress: screen.Screen, workers: int | None = None
) -> list[dict[str, Any]]:
    """Judge the market of each seed at `edge` under `home`, and return a row a seed: verdict, figures, oracle."""
    rows = []
    for market in (Market(edge, seed) for seed in seeds):
        began = time.perf_counter()
        own = home / f"edge_{edge:.2f}_seed_{market.seed}"
        progress.say(f"edge {edge:.2f}, seed {market.seed}, in {own}")
        verdict = planted.judge(market, own, screen.Screen(), workers)
        rows.append(row(market, verdict, planted.oracle_of(market, own)) | {"seconds": time.perf_counter() - began})
    return rows


def row(market: Market, verdict: dict[str, Any], oracle: Oracle) -> dict[str, Any]:
    """Return what one market showed: its verdict, the six figures, the gates that said no, the oracle's figures."""
    gates = verdict["gates"]
    return market._asdict() | {
        "status": verdict["status"],
        "figures": {gate["name"]: gate["got"] for gate in gates},
        "failed": [gate["name"] for gate in gates if not gate["passed"]],
        "oracle_profit_factor": oracle.profit_factor,
        "oracle_trades": len(oracle.trades),
    }


def render(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print a row a seed, and how many were READY."""
    table = Table("seed", "verdict", *(GATES[name].title for name in rows[0]["figures"]), "oracle's profit factor")
    for one in rows:
        shown = ("–" if got is None else GATES[name].show(got) for name, got in one["figures"].items())
        oracle = one["oracle_profit_factor"]
        known = "no trade" if oracle is None else GATES["profit_factor"].show(oracle)
        table.add_row(str(one["seed"]), one["status"], *shown, known)
    console.print(table)
    ready = sum(one["status"] == "READY" for one in rows)
    console.print(f"edge {rows[0]['edge']:.2f}: READY {ready} of {len(rows)}, FAILED {len(rows) - ready}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--edge", type=float, default=planted.EDGE, show_default=True, help="Strength of the edge; 0 for none.")
@click.option("--seed", "seeds", type=int, multiple=True, help="A seed, as often as you like; default: those listed.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one for each core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def main(edge: float, seeds: tuple[int, ...], workers: int | None, as_json: bool) -> None:
    """Judge the market of each seed at one strength of edge, and tell how many are READY."""
    home = settings.home() / "demo" / "seeds"
    screen.show(measure(edge, seeds or planted.SEEDS, home, screen.Screen(), workers), as_json, render)


if __name__ == "__main__":
    command.run(main, "python -m pipeline.strength")
