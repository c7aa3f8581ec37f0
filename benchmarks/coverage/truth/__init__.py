"""Is the wiring true? Real architectures are nudged, one unit at a time, and what changes is held against the topology.

    python -m benchmarks.coverage.truth             # goes on where it was stopped
    python -m benchmarks.coverage.truth.page        # the rows -> docs/truth.md

Nothing here asks the tracer how it came to a join: the models run, with and without the nudge.
"""
