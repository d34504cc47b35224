"""The thin runner: what was judged is what trades. Feeds in, orders out, every decision in the journal."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live.signals import SignalGenerator

__all__ = ["SignalGenerator"]


def __getattr__(name: str) -> Any:
    if name == "SignalGenerator":
        from live.signals import SignalGenerator

        return SignalGenerator
    raise AttributeError(f"module 'live' has no attribute {name!r}")
