# %% [markdown]
# # 2. Features, and that none sees the future
#
# A feature of a bar may use what had closed by then, and nothing else. Most backtests that are too good to be true
# break this rule by accident; here it is not believed but tested on your bars, and training refuses what has not
# passed.

# %% tags=["parameters"]
SERIES, HOME, CONFIG = "", "", ""  # the first series with a verdict, by ASSAY_HOME (./data) and ASSAY_CONFIG (./config)

# %%
from IPython.display import Image

from pipeline.notebooks import features as drawn
from pipeline.notebooks.opened import opened

seen = opened(SERIES, HOME, CONFIG)
features = seen.features

# %% [markdown]
# ## Families, and when they are known
#
# A feature with a memory of 200 bars knows nothing at bar 100: there it is missing, never filled. After its warm-up no
# feature may be missing at all. A number above 0 in the last column of the table would be a fault.

# %%
told = drawn.families(features)
Image(drawn.warm_up(seen.name, told))

# %%
told

# %% [markdown]
# ## How much of this says the same
#
# Hundreds of features are not hundreds of witnesses. Blocks on the diagonal are features that rank the bars alike;
# training takes such a block as one cluster when it chooses and when it asks what matters. A picture that is almost one
# block means that there is little to learn from, however many columns there are.

# %%
Image(drawn.alike(seen.name, features))

# %% [markdown]
# ## Has the market changed
#
# For the features of the last model: how far the judged window lies from all before it (dot), and how far windows of
# the same length lay from each other in the past (grey). A dot within the grey is ordinary; one beyond it (orange)
# means that the model was judged, and would be used, on values that it seldom saw. A single orange dot among many is to
# be expected.

# %%
shown = seen.shown if seen.judged else None
Image(
    drawn.drift(seen.name, shown.drift if shown else {}, shown.why_not("drift") if shown else "there is no verdict yet")
)

# %% [markdown]
# ## The proof
#
# Before each training, everything after many cut points is changed wildly, and then taken away; every value before the
# cut must stay the same to the last bit. The same is done to labels and their ends. An empty table means that it was
# never run for this series: `assay causality` does it.

# %%
drawn.proof(seen.receipt("causality"))

# %% [markdown]
# ## What that looks like
#
# Left, a real feature, once from all bars (thick) and once from the bars up to the dashed line (thin): they lie on each
# other. Right, a mean of the bars on **both** sides of each bar, as one is easily written: it parts from itself before
# the cut, because it had seen what came after. Such a column would look like skill, and earn nothing.

# %%
bars = seen.bars
column = "momentum__rsi_14"
Image(drawn.on_prefix(column, drawn.prefix(bars, column)))
