"""Machine code, also where it cannot be kept."""

from epochgraph import compilation


def test_functions_work_where_nothing_can_be_written(monkeypatch):
    """A package in a read-only folder of a user without a cache is compiled anew by each process."""
    real = compilation.njit

    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(compilation, "njit", njit)

    def double(number):
        return 2 * number

    assert compilation.compiled(double)(4) == 8
