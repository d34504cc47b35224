"""What the README.txt of an exported model tells whoever finds it: what it is, how to check it, how to use it."""

from collections.abc import Mapping
from typing import Any

_TEXT = """\
{series}, run {run_id}: {what}

What is here
  bundle/         the model: native files, calibration, policy, risk, exits, costs, golden rows. No code, no pickle.
  card.md         what it was trained on and how it was judged ({status}); card.json is the same for programs.
{more}  export.json     what this folder is, for programs.
  SHA256SUMS      the SHA-256 of every file here; SHA256SUMS.sig is its Ed25519 signature.

How to check it, without Assay
  Take production.pub from the machine that signed, by another way than this folder came.
  openssl pkeyutl -verify -pubin -inkey production.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
  sha256sum -c SHA256SUMS          (macOS: shasum -a 256 -c SHA256SUMS; neither notices files that were added)
  The key has the fingerprint {key}, the first 16 digits of the SHA-256 of its 32 bytes:
  openssl pkey -pubin -in production.pub -outform DER | tail -c 32 | sha256sum

How to use it
  {use}
  DIR is this folder. The public key is expected in ASSAY_KEYS (default ~/.config/assay).
  Nothing may be changed in it or added to it.
"""
_TRADED = "Trades it on stored bars; needs no registry."
_REPLAYED = "Replays it on stored bars."


def text(facts: Mapping[str, Any], report: bool) -> str:
    """Return the README of an exported model of which `export.json` says `facts`, with or without a `report`."""
    run = "python -m live.runner --mode paper --bundle DIR"
    if facts["for_trading"]:
        what = "the champion of its series, with the signed record of its promotion."
        use = f"{run}{' --demo' if facts['simulated'] else ''}\n  {_TRADED}"
    else:
        what = "NOT FOR TRADING. A run without a record of promotion."
        use = f"{run} --run {facts['run_id']}\n  {_REPLAYED}"
    if facts["simulated"]:
        what += "\nOf a simulated market: it says nothing of a real one."
    more = "  report.html     the same as one page for a browser.\n" if report else ""
    more += "  record.json     the signed record of its promotion.\n" if facts["for_trading"] else ""
    return _TEXT.format(**facts, what=what, more=more, use=use)
