"""What a feature group says of each of its columns, in its `CATALOGUE`."""

from typing import NamedTuple


class Described(NamedTuple):
    """What a column means, where it comes from, its unit and the range that no value leaves (±inf where there is none).

    In the keys of a group's `CATALOGUE`, which are bare column names, `{n}` stands for a whole number, `{coarse}` for
    the name of a timeframe and `{companion}` for another symbol. In `meaning`, `{0}`, `{1}` … are what these
    placeholders of the key stand for, in order: "return_{n}" may say "log return over {0} bars". `scale_free` says that
    prices and spreads times ten leave the column as it is.
    """

    meaning: str
    source: str
    unit: str
    least: float
    most: float
    scale_free: bool = True


Catalogue = dict[str, Described]
