# %% [markdown]
# # 3. Labels
#
# A label answers: had an order been given at the close of this bar, how would it have ended? Target, stop and a last
# bar are set; whichever comes first settles it, with spread, slippage, commission and swap paid.

# %% tags=["parameters"]
SERIES, HOME, CONFIG = "", "", ""  # the first series with a verdict, by ASSAY_HOME (./data) and ASSAY_CONFIG (./config)

# %%
from IPython.display import Image

from pipeline.notebooks import labels as drawn
from pipeline.notebooks.opened import opened

seen = opened(SERIES, HOME, CONFIG)
bars, labels, work = seen.bars, seen.labels, seen.job

# %% [markdown]
# ## Three of them, as trades
#
# The decision is made at the dashed line and filled at the open of the next bar. The blue side is the target, the
# orange side the stop, as wide as the volatility of that moment; the box ends where the trade did. R is what was won or
# lost in multiples of what was risked: a stop costs more than 1 R, because costs come on top.

# %%
Image(drawn.settled(bars, labels, work.exits, drawn.examples(labels)))

# %% [markdown]
# ## What happens how often
#
# *Up* is a label of which only a long reached its target, *down* only a short, *flat* neither. Shares that move from
# month to month are the market's; a class that nearly vanishes for a year is one that a model cannot learn there.

# %%
Image(drawn.over_time(seen.name, labels))

# %% [markdown]
# ## What it is worth to trade everywhere
#
# The dashed line is the mean of taking that side at every bar: usually below 0, and that is what costs are. A model has
# to find the bars on which it is not. A mean far above 0 for both sides would mean that costs are missing.

# %%
Image(drawn.results(seen.name, labels))

# %% [markdown]
# ## How many labels there really are
#
# Labels of neighbouring bars are mostly the same trade told again. Their weight is the share that no other label has of
# the bars they live on, and the sum of weights is how many there would be without overlap. Confidence that counts every
# row as a witness of its own is too high by the root of that ratio; folds, intervals and weights here go by the smaller
# number.

# %%
Image(drawn.overlap(seen.name, bars, labels))

# %% [markdown]
# ## A label is a trade
#
# Labels and backtest are settled by the same compiled functions. Here some labels are traded alone by the backtest's
# own loop; every point must lie on the line, and the title counts those that agree to the last bit. Anything less would
# mean that the model learns one market and trades another.

# %%
Image(drawn.agreement(seen.name, drawn.traded_alone(bars, labels, work)))
