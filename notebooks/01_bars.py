# %% [markdown]
# # 1. Bars
#
# Everything else is made from these rows, so faults in them become faults of a model. A bar is indexed by `ts`, the
# instant of its **close** in UTC: from then on it is known. Nothing is computed here for later; this only looks.

# %% tags=["parameters"]
SERIES, HOME, CONFIG = "", "", ""  # the first series with a verdict, by ASSAY_HOME (./data) and ASSAY_CONFIG (./config)

# %%
import pandas as pd
from IPython.display import Image

from pipeline.notebooks import bars as drawn
from pipeline.notebooks.opened import opened

seen = opened(SERIES, HOME, CONFIG)
bars = seen.bars

# %% [markdown]
# ## Price, and how much it moves
#
# Look for a jump that no market made, a flat stretch, a change of scale. Whether a model that learnt in quiet years is
# used in wild ones shows in the lower panel: a level that the past has not seen is a warning for everything below.

# %%
Image(drawn.price(seen.name, bars))

# %% [markdown]
# ## When the market is open
#
# One row a day of the week. The daily break is the white column, the weekend the white rows. A market whose hours are
# shifted by an hour for half of the year smears the edges a little (clocks change); edges that are smeared over many
# hours are a wrong time zone.

# %%
Image(drawn.week(seen.name, bars))

# %% [markdown]
# ## What an hour costs, and what it moves
#
# Left, how far a bar reaches; right, the spread that is charged. A strategy pays the right picture to earn a part of
# the left one. Hours in which the spread comes near the range are expensive hours; a spread that is the same at every
# hour is a constant of the vendor, not a measurement.

# %%
Image(drawn.hours(seen.name, bars))

# %% [markdown]
# ## What is missing, and what is wrong
#
# This is the picture of `assay validate`. Red days lack bars that should be there; in the lower left, dots above the
# daily break and the weekend are holes. Spread is charged at least at its floor, whatever was recorded.

# %%
found = seen.validated
Image(filename=found["plot"])

# %% [markdown]
# Findings, errors first. An error makes bars unfit to be judged on; a warning is for you to look at.

# %%
pd.DataFrame(found["findings"], columns=["severity", "problem", "rows", "first", "found", "fix"])

# %%
pd.DataFrame(found["gaps"]).T.rename(
    columns={"count": "gaps", "missing_bars": "bars missing", "longest_hours": "longest, hours"}
)

# %% [markdown]
# The clock is tested by the market's weekends: the zone that explains most of them should be the one that was declared.

# %%
pd.DataFrame(
    {
        "found": {
            "share of expected bars that are there": f"{found['coverage']['share']:.2%}",
            "clock": found["clock"]["told"],
        }
    }
)
