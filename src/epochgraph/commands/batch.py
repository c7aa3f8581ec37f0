"""Several runs in one command: one that cannot be used stops no other, and is named in the end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from epochgraph.errors import BatchError, EpochgraphError, MissingPackageError, OutputError


@dataclass(slots=True)
class Batch:
    """The runs of a command, and what was wrong with some of them.

    Attributes:
        of: How many there are; the error of a single one is raised as it is.
        failures: What was wrong, by the name of the run or file.
    """

    of: int = 1
    failures: dict[str, EpochgraphError] = field(default_factory=dict)

    @contextmanager
    def each(self, name: object) -> Iterator[None]:
        """Keep an error of one run for the end.

        Raises:
            EpochgraphError: There is but one run; or a place cannot be written, or a package is missing: that is so for
                all others, too.
        """
        try:
            yield
        except EpochgraphError as error:
            if self.of == 1 or isinstance(error, OutputError | MissingPackageError):
                raise
            self.failures[str(name)] = error

    def check_common(self) -> None:
        """See that not all runs failed for one reason.

        Raises:
            EpochgraphError: No run could be used, all for one reason, such as an option.
        """
        errors = list(self.failures.values())
        if errors and len(errors) == self.of and len({(type(e), *map(str, e.args[1:] or e.args)) for e in errors}) == 1:
            raise errors[0]

    def check_any(self) -> None:
        """See that there is something to go on with.

        Raises:
            EpochgraphError: No run could be used, for one reason.
            BatchError: No run could be used, each for a reason of its own.
        """
        self.check_common()
        raise_failures(self.failures, self.of)


def failure_lines(failures: Mapping[str, EpochgraphError]) -> dict[str, str]:
    """Why each run could not be used, in one line that names it; by its name."""
    lines = {name: " ".join(str(error).split()) for name, error in failures.items()}
    return {name: line if name in line else f"{name}: {line}" for name, line in lines.items()}


def raise_failures(failures: Mapping[str, EpochgraphError], of: int) -> None:
    """Name what could not be used.

    Args:
        failures: What was wrong, by the name of the run or file.
        of: How many runs there were.

    Raises:
        BatchError: Something could not be used; its notes say why.
    """
    if failures:
        lines = failure_lines(failures)
        error = BatchError(lines, of)
        for line in lines.values():
            error.add_note(line)
        raise error
