"""What a training does, as one value that travels to every process."""

from typing import NamedTuple

from market.settings import Recipe, Research
from training.search import OFF, Search
from training.thresholds import Venue


class Plan(NamedTuple):
    """The recipe, the validation settings, where is traded, what tuning may spend, and threads of a process.

    Threads hurry a fit and change no byte of it.
    """

    recipe: Recipe
    research: Research
    venue: Venue
    tuning: Search = OFF
    threads: int = 1

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each member."""
        return {str(name): weight for name, weight in self.recipe.members.items()}

    @property
    def parameters(self) -> dict[str, dict[str, float]]:
        """Return what the recipe sets of each member's parameters."""
        given = {str(name): values for name, values in self.recipe.parameters.items()}
        return {name: given.get(name, {}) for name in self.weights}
