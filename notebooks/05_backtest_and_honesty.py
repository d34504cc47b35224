# %% [markdown]
# # 5. Backtest and honesty
#
# What the final model earned in the judged window, net of all costs, and all the reasons not to believe it. None of
# this promises that it will earn anything again.

# %% tags=["parameters"]
SERIES, HOME, CONFIG = "", "", ""  # the first series with a verdict, by ASSAY_HOME (./data) and ASSAY_CONFIG (./config)

# %%
from IPython.display import Image, Markdown

from pipeline.notebooks import backtest as drawn
from pipeline.notebooks.opened import opened
from registry import plots, power_plot
from registry.markdown_luck import luck_lines

seen = opened(SERIES, HOME, CONFIG)
card, shown, trades = seen.card, seen.shown, seen.trades
pictures = plots.draw(card, seen.equity, shown.calibration, shown.importance)

# %% [markdown]
# ## The account
#
# Marked at every close, open trades too. Ask how long it stayed below its highest value, and whether you would have
# gone on. A curve without any fall is a reason to look for a leak, not for joy.

# %%
Image(pictures["equity"])

# %%
drawn.earned(card)

# %% [markdown]
# ## The trades
#
# Left, what each brought; the share of trades won means little without the share at which costs eat everything (table
# above). Right, how far each went against and with its owner: winners that were nearly stopped are luck that could have
# fallen otherwise.

# %%
Image(drawn.trades(seen.name, trades, shown.trades))

# %% [markdown]
# ## What dearer costs leave
#
# Every point is a whole run of the engine at other costs. Your broker is not the one that is configured: an edge that
# is gone at one and a half times the costs is none.

# %%
Image(drawn.frontier(seen.name, shown.frontier, card.robustness, shown.why_not("frontier")))

# %% [markdown]
# ## The gates
#
# Each benchmark has a bound and a 90 % interval by resampling blocks of days. A point that passes while half of its
# interval does not is a point that passed by luck as likely as not. Profiles beside the one that decides ask more.

# %%
Image(pictures["gates"])

# %%
drawn.gates(card)

# %% [markdown]
# ## Would luck have shown as much
#
# Grey is the Sharpe ratio per trade of as many trades without any edge; where more than one thing was tried, the line
# is the best of so many tries, since the best is what one shows. The deflated ratio is the chance that the true one is
# above what the best try would show by luck.

# %%
Image(drawn.luck(card, trades))

# %%
Image(drawn.p_values(card))

# %%
Markdown("\n".join(f"- {line}" for line in luck_lines(card.model_dump())))

# %% [markdown]
# How often benchmarks are passed by a model without an edge, and by one whose edge is what this one claims. An orange
# bar that is long means that the benchmark hardly tells them apart; a short blue one, that even a true edge often
# fails.

# %%
Image(drawn.chances(card))

# %% [markdown]
# ## How often the gate itself is wrong
#
# The same code judged hundreds of small worlds without an edge, and some with one. How many of the former were promoted
# is the gate's error rate, how many of the latter its power. A gate that promotes nothing would have no errors, and no
# use.

# %%
drawn.error_rate(card)

# %%
Image(power_plot.draw(card.placebo)) if card.placebo.get("power") else Markdown(
    f"Not drawn: {card.placebo.get('why', 'this card does not know')}"
)
