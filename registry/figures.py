"""What figures and settings are called before people, and in which unit: the same on a card and on a tear sheet."""

from collections.abc import Callable

from registry.shortfall import percent

Show = Callable[[float], str]


def share(value: float) -> str:
    """Return a share in per cent."""
    return percent(value, 1)


NUMBER: Show = "{:,.2f}".format
RATIO: Show = "{:.3f}".format
R: Show = "{:+.3f} R".format
COUNT: Show = "{:,.0f}".format
MONEY: Show = "{:,.2f} USD".format
HOURS: Show = "{:,.2f} h".format


def counted(count: int, thing: str) -> str:
    """Return how many of a thing there are.

    >>> counted(1, "look"), counted(2_000, "trade")
    ('1 look', '2,000 trades')
    """
    return f"{count:,} {thing if count == 1 else thing + 's'}"


FIGURES: dict[str, tuple[str, Show]] = {
    "trades": ("Trades", COUNT),
    "expectancy": ("Expectancy", R),
    "profit_factor": ("Profit factor", NUMBER),
    "win_rate": ("Win rate", share),
    "break_even_win_rate": ("Win rate that earns nothing", share),
    "payoff_ratio": ("Average gain ÷ average loss", NUMBER),
    "sharpe_per_trade": ("Sharpe per trade", RATIO),
    "annual_sharpe": ("the same × √(trades a year)", NUMBER),
    "sortino": ("Sortino per trade", RATIO),
    "daily_sharpe": ("Daily Sharpe, a year", NUMBER),
    "daily_sortino": ("Daily Sortino, a year", NUMBER),
    "total_r": ("Sum of R", "{:+,.1f} R".format),
    "pnl": ("Result", MONEY),
    "total_return": ("Growth of equity", share),
    "max_drawdown": ("Largest fall of equity", share),
    "drawdown_money": ("the same in money", MONEY),
    "marked_drawdown_r": ("Largest fall of the sum of R", "{:,.1f} R".format),
    "drawdown_r": ("the same of closed trades alone", "{:,.1f} R".format),
    "calmar": ("Calmar", NUMBER),
    "time_under_water": ("Bars below the highest equity", share),
    "longest_under_water": ("Longest below it", "{:,.1f} days".format),
    "longest_losing_run": ("Most losses in a row", COUNT),
    "cost": ("Costs paid", MONEY),
    "cost_share": ("Costs ÷ result before costs", share),
    "turnover": ("Money traded ÷ average equity", "{:,.0f} ×".format),
    "exposure": ("Bars with a position", share),
    "trades_per_day": ("Trades a trading day", NUMBER),
    "mean_duration": ("Mean duration", HOURS),
    "median_duration": ("Median duration", HOURS),
    "longest_duration": ("Longest duration", HOURS),
}
FORECASTS: dict[str, tuple[str, Show]] = {
    "accuracy": ("Rows whose class was the likeliest", share),
    "precision": ("Precision, mean of the classes", share),
    "recall": ("Recall, mean of the classes", share),
    "f1": ("F1, mean of the classes", RATIO),
    "auc": ("Area under the curve, mean of the classes", RATIO),
    "log_loss": ("Log-loss, nats a row", "{:.4f}".format),
    "brier": ("Brier score", "{:.4f}".format),
    "calibration_error": ("Calibration error, mean of the classes", "{:.4f}".format),
}
GROUPED: dict[str, tuple[str, Show]] = {
    "trades": ("Trades", COUNT),
    "win_rate": ("Wins", share),
    "profit_factor": ("PF", NUMBER),
    "expectancy": ("R/trade", "{:+.3f}".format),
    "total_r": ("Sum of R", "{:+,.1f}".format),
}
SETTINGS: dict[str, tuple[str, str]] = {
    "spread_floor": ("Spread at least", "in price"),
    "commission": ("Commission", "USD a lot and side"),
    "slippage": ("Slippage", "in price"),
    "swap_long": ("Swap of a long", "ticks a lot and night"),
    "swap_short": ("Swap of a short", "ticks a lot and night"),
    "tick_size": ("Tick", "in price"),
    "pip_size": ("Pip", "in price"),
    "minimum_stop": ("Stop at least", "in price"),
    "contract_size": ("Contract", "units a lot"),
    "lot_step": ("Step of sizes", "lots"),
    "quote_currency": ("Quoted in", ""),
    "take_profit": ("Target", "× ATR"),
    "stop_loss": ("Stop", "× ATR"),
    "bars": ("Bars", ""),
    "atr_period": ("ATR over", "bars"),
    "long_threshold": ("Long from a score of", ""),
    "short_threshold": ("Short down to a score of", ""),
    "cooldown": ("Rest after an exit", "bars"),
    "max_spread_atr": ("Spread at most", "× ATR"),
    "blocked_sessions": ("Blocked sessions", ""),
    "min_confidence": ("Confidence at least", ""),
    "max_volatility": ("Volatility at most", "× its mean"),
    "min_volatility": ("Volatility at least", "× its mean"),
    "equity": ("Equity at the start", "USD"),
    "per_trade": ("Risk of a trade", "of equity"),
    "open_risk": ("Open risk at most", "of equity"),
    "daily_loss": ("Loss of a day at most", "of its first equity"),
    "max_trades_per_day": ("Trades a day at most", ""),
    "max_consecutive_losses": ("Losses in a row at most", ""),
    "max_drawdown": ("Fall of equity at most", ""),
    "max_positions": ("Positions at once at most", ""),
    "max_notional": ("Notional of a position at most", "× equity"),
    "history_start": ("History from", ""),
    "development_end": ("Training up to", ""),
    "oos_start": ("Judged after", ""),
    "cut_off": ("Judged up to", ""),
    "development_rows": ("Rows to learn from", ""),
    "oos_rows": ("Rows to judge on", ""),
    "warm_up_rows": ("Rows left out to warm up", ""),
    "purge": ("Purge", "bars"),
    "embargo": ("Embargo", "bars"),
    "effective": ("worth without overlap", "labels"),
    "no_atr": ("without an ATR", "bars"),
    "no_horizon": ("without a full horizon", "bars"),
    "not_an_event": ("no event", "bars"),
}
