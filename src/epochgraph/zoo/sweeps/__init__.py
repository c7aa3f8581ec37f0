"""Many sweeps in one population: what their runs are drawn from, how each is trained and what is recorded of it."""

from epochgraph.zoo.sweeps.recipe import RunSettings, SweepRecipe
from epochgraph.zoo.sweeps.running import Seams, WatchedRun
from epochgraph.zoo.sweeps.summary import final_value, sweep_table

__all__ = ["RunSettings", "Seams", "SweepRecipe", "WatchedRun", "final_value", "sweep_table"]
