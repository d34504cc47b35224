# %% [markdown]
# # 4. Validation and models
#
# What counts is what a model says of rows that nothing of it has seen. Selection, calibration, early stopping and
# thresholds are all fitted inside the training part of a fold, and judged on the block after it.

# %% tags=["parameters"]
SERIES, HOME, CONFIG = "", "", ""  # the first series with a verdict, by ASSAY_HOME (./data) and ASSAY_CONFIG (./config)

# %%
from IPython.display import Image

from pipeline.notebooks import validation as drawn
from pipeline.notebooks.opened import opened
from registry import plots

seen = opened(SERIES, HOME, CONFIG)
card, shown = seen.card, seen.shown

# %% [markdown]
# ## Who is judged on what
#
# Each orange block is judged by a model that was trained on the blue before it. The golden block is the judged window:
# the final model trades it once, and that look is written into the ledger.

# %%
Image(drawn.folds(card))

# %% [markdown]
# Between blue and orange lies a gap. Labels that end after the border would tell the training part what happens in the
# judged block, so they are purged; and some more bars are left out (embargo), because what is near in time is alike.
# Every split that training uses is audited by another piece of code before anything is fitted: leaks must be 0.

# %%
Image(drawn.gap(card))

# %%
drawn.rates(card)

# %% [markdown]
# ## Is there any skill
#
# Skill in direction is the share of a guess's loss that the model saves, where it says long or short: 0 is a guess.
# What matters is whether the interval lies above 0, in most folds and in all together. One good fold is not skill, and
# on real markets a skill of a few hundredths would be a lot; a skill that is large is a reason to look for a leak.

# %%
Image(drawn.skill(card))

# %% [markdown]
# ## Do probabilities mean what they say
#
# Of all rows that were given a probability of 40 %, about 40 % should have happened: points on the diagonal. Below it
# the model is too sure of itself. A short cloud around one place means that it hardly tells rows apart.

# %%
pictures = plots.draw(card, seen.equity, shown.calibration, shown.importance)
Image(pictures["calibration"])

# %% [markdown]
# ## What the model listens to
#
# Features that say the same are shuffled together, out of sample, and the loss that this adds is their worth; shuffled
# one by one, twins would vouch for each other. Bars at 0 are features that could as well be left out.

# %%
Image(drawn.clusters(card))

# %%
Image(pictures["importance"])

# %% [markdown]
# ## From which score it trades
#
# Thresholds are chosen inside each fold by what trades earned after costs, and a fold in which no threshold earned
# anything answers "no trade". Thresholds that jump from fold to fold are chosen by noise. Many "no trade" are no fault:
# they are the answer.

# %%
Image(drawn.thresholds(card))
