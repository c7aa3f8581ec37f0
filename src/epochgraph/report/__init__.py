"""Results -> pictures."""

from epochgraph.report.population import population_picture
from epochgraph.report.replays import replay_picture

__all__ = ["population_picture", "replay_picture"]
