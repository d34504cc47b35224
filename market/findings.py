"""What is found wrong with bars: counted whole, kept up to a limit, passed on to whoever writes it all down.

A finding names a file, a row (0: the whole file), the stamp as the source has it, how grave it is, the problem, what
was found and what was wanted. Errors block an import; those about rows can be set aside, those about whole files not.
"""

from collections import Counter
from collections.abc import Callable

import pandas as pd

COLUMNS = ["file", "row", "stamp", "severity", "problem", "found", "wanted"]
ERROR, WARNING = "error", "warning"
MOST_KEPT = 20_000  # findings in memory; a report on disk has all of them


def nothing() -> pd.DataFrame:
    """Return no findings."""
    return pd.DataFrame(columns=COLUMNS, index=pd.Index([], dtype="int64"))


def joined(findings: list[pd.DataFrame]) -> pd.DataFrame:
    """Return findings under each other."""
    some = [finding for finding in findings if len(finding)]
    return pd.concat(some) if some else nothing()


class Findings:
    """Collects findings while bars pass by, and what else is learnt of their files.

    `zones` holds the clock of each file, `rows` how many of its rows could be read, `merged` how many rows merely
    repeat one of another file.
    """

    def __init__(self, passed_on: Callable[[pd.DataFrame], None] = lambda _: None) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.set_aside = self.merged = 0
        self.zones: dict[str, str] = {}
        self.rows: Counter[str] = Counter()
        self._kept: list[pd.DataFrame] = []
        self._room = MOST_KEPT
        self._passed_on = passed_on

    def add(self, found: pd.DataFrame) -> None:
        """Take findings of one stage on rows that no other stage reports; one on a whole file is taken once."""
        if not len(found):
            return
        keys = list(zip(found["file"], found["severity"], found["problem"], strict=True))
        about = [key if row == 0 else None for row, key in zip(found["row"], keys, strict=True)]
        fresh = [key is None or (key not in self.counts and key not in about[:i]) for i, key in enumerate(about)]
        found = found[fresh]
        self.counts.update(key for key, is_fresh in zip(keys, fresh, strict=True) if is_fresh)
        blamed = found[(found["severity"] == ERROR) & (found["row"] > 0)]
        self.set_aside += len(blamed[["file", "row"]].drop_duplicates())
        self._passed_on(found)
        whole = found["row"] == 0
        self._kept.append(pd.concat([found[whole], found[~whole].iloc[: self._room]]))
        self._room -= min(self._room, int((~whole).sum()))

    def count(self, severity: str, problem: str | None = None) -> int:
        """Return how many findings there are of a severity, and of one problem if it is named."""
        return sum(n for (_, grave, what), n in self.counts.items() if grave == severity and problem in (None, what))

    def kinds(self, severity: str) -> int:
        """Return how many different problems there are of a severity."""
        return len({what for _, grave, what in self.counts if grave == severity})

    def table(self) -> pd.DataFrame:
        """Return the findings that were kept, in the order in which they were found."""
        return joined(self._kept).reset_index(drop=True)

    def about_files(self) -> pd.DataFrame:
        """Return the errors about whole files, which no setting aside of rows can mend."""
        table = self.table()
        return table[(table["severity"] == ERROR) & (table["row"] == 0)]

    def warnings(self) -> list[str]:
        """Return the warnings as lines for people: those about whole files in full, those about rows counted."""
        table = self.table()
        whole = table[(table["severity"] == WARNING) & (table["row"] == 0)]
        lines = [f"{one.problem}: {one.found}; wanted {one.wanted}" for one in whole.itertuples()]
        rows = Counter({key[2]: 0 for key in self.counts if key[1] == WARNING})
        for (_, grave, what), n in self.counts.items():
            rows[what] += n if grave == WARNING else 0
        told = set(whole["problem"])
        return lines + [f"{what}: {n:,} rows" for what, n in rows.items() if n and what not in told]
