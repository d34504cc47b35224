"""The members of an ensemble by name: each learns down, flat, up, keeps its native file and predicts with one thread.

A member is seeded, and its bytes are the same for one thread and for two, called again, in another process and however
the rows lie in memory; parallelism is by process above it. A probability matrix has the columns of `CLASSES`. A NaN
feature is missing to the trees and average to the regression.
"""

from training.lightgbm_trees import LightGBM
from training.logistic import Logistic
from training.member import CLASSES, Fitted, Member, Sample, shares
from training.parameters import Range
from training.xgboost_trees import RandomForest, XGBoost

__all__ = ["CLASSES", "MEMBERS", "Fitted", "LightGBM", "Member", "Range", "Sample", "shares"]

MEMBERS: dict[str, Member] = {
    "xgboost": XGBoost(),
    "lightgbm": LightGBM(),
    "logistic": Logistic(),
    "random_forest": RandomForest(),
}
