"""What an account was worth over time, and how far below its highest value before."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from registry.report import svg
from registry.report.markup import figure, joined
from registry.shortfall import percent


def drawn(equity: pd.Series, bound: float | None = None) -> Markup:
    """Return `equity` by `ts` (two stamps at least) and its fall, with the `bound` on that where there is one."""
    account = equity.to_numpy(np.float64)
    fall = account / np.maximum.accumulate(account) - 1.0
    stamps = pd.DatetimeIndex(equity.index)
    x, days = svg.times(stamps), svg.days_of(stamps)
    above = svg.numbers(account.min(), account.max() + 0.04 * (account.max() - account.min()), "{:,.0f}".format)
    kept = svg.thinned(account)
    upper = svg.plot(
        f"Equity from {account[0]:,.0f} to {account[-1]:,.0f}", x, above,
        svg.area(x, above, days[kept].tolist(), account[kept].tolist(), above.low, "gold"),
        svg.level(above, float(account[0]), kind="rule faint"),
        svg.line(x, above, days[kept].tolist(), account[kept].tolist(), "gold"),
        height=260, y_title="USD", left=svg.margin(above),
    )  # fmt: skip
    lower = _fall(fall, bound, x, days, svg.margin(above))
    return joined([figure("Equity, marked at each close", upper), figure("Fall from its highest value before", lower)])


def _fall(fall: np.ndarray, bound: float | None, x: svg.Axis, days: np.ndarray, left: float) -> Markup:
    y = svg.numbers(
        min(float(fall.min()), -(bound or 0.0)) * 1.12, 0.0, lambda value: percent(value, 0 if value == 0 else 1), 4
    )
    kept = svg.thinned(fall)
    marks = [
        svg.area(x, y, days[kept].tolist(), fall[kept].tolist(), 0.0, "bad"),
        svg.line(x, y, days[kept].tolist(), fall[kept].tolist(), "bad"),
    ]
    if bound is not None:
        marks.append(svg.level(y, -bound, f"bound {percent(bound)}", "rule dashed"))
    return svg.plot(
        f"Largest fall {percent(-float(fall.min()), 1)}", x, y, *marks, height=130, left=max(left, svg.margin(y))
    )
