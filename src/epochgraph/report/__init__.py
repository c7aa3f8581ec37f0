"""Results -> pictures."""

from epochgraph.report.population import population_picture

__all__ = ["population_picture"]
