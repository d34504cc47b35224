# %% [markdown]
# # 6. Registry and cards
#
# What was tried, what was judged, what stands in production and until when. Nothing here trains, promotes or looks at
# new bars.

# %% tags=["parameters"]
SERIES, HOME, CONFIG = "", "", ""  # the first series with a verdict, by ASSAY_HOME (./data) and ASSAY_CONFIG (./config)

# %%
from IPython.display import Image, Markdown

from pipeline.notebooks import registry as drawn
from pipeline.notebooks.opened import opened
from registry import card as model_card
from registry import deflation

seen = opened(SERIES, HOME, CONFIG)
target, card = seen.workspace, seen.card

# %% [markdown]
# ## Every run
#
# FAILED runs too. A series with many runs and one READY among them has been searched, and its gates should be read with
# the pictures below.

# %%
drawn.runs(target)

# %% [markdown]
# ## Trials and looks
#
# A trial is anything that was fitted and judged; a look is a model judged on a window that was kept back. Both are
# written before the result is known and cannot be taken back. Many looks at one window make that window part of the
# training.

# %%
Image(drawn.tried(seen.name, drawn.entries(target)))

# %% [markdown]
# What that costs: left, the Sharpe ratio that the best of so many trials shows by luck alone; right, the chance that a
# gate which is wrong once in twenty has been passed by luck by now. The dots are where this series stands.

# %%
Image(drawn.cost_of_looking(seen.name, deflation.of(target.home, seen.name)))

# %% [markdown]
# ## In production
#
# Every record that ever stood there and is signed by the key of this machine: what, why, and until when anybody vouches
# for it. An empty table is what most honest series have. Whether a champion should be trained again, `assay advise`
# answers; it reads bars after the judged window, which is a look, and so this notebook does not ask.

# %%
drawn.promotions(target)

# %% [markdown]
# ## The same runs in MLflow
#
# Asked of the registry itself, read-only; above the table, what its aliases point at. A runner believes the signed
# records and not the aliases. `make ui` opens it.

# %%
drawn.in_mlflow(target)

# %% [markdown]
# ## The card
#
# Everything that is known about the last run, as it stands beside the model.

# %%
Markdown(model_card.to_markdown(card))
