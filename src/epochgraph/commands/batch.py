"""Several runs in one command: a run that fails does not stop the others, and is named at the end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from epochgraph.errors import BatchError, EpochgraphError, MissingPackageError, OutputError


@dataclass(slots=True)
class Batch:
    """The runs of a command, and the errors of those that failed.

    Attributes:
        of: How many runs there are; the error of a single run is raised at once.
        failures: The error of each failed run, by the name of the run or file.
    """

    of: int = 1
    failures: dict[str, EpochgraphError] = field(default_factory=dict)

    @contextmanager
    def each(self, name: object) -> Iterator[None]:
        """Keep the error of one run for the end.

        Raises:
            EpochgraphError: There is only one run; or a file cannot be written or a package is missing, which would
                stop all the others, too.
        """
        try:
            yield
        except EpochgraphError as error:
            if self.of == 1 or isinstance(error, OutputError | MissingPackageError):
                raise
            self.failures[str(name)] = error

    def check_common(self) -> None:
        """Raise the error that all runs failed with, if there is one.

        Raises:
            EpochgraphError: All runs failed for the same reason, such as a wrong option.
        """
        errors = list(self.failures.values())
        if errors and len(errors) == self.of and len({(type(e), *map(str, e.args[1:] or e.args)) for e in errors}) == 1:
            raise errors[0]

    def check_any(self) -> None:
        """Raise what went wrong, where no run is left to go on with.

        Raises:
            EpochgraphError: All runs failed for the same reason.
            BatchError: The runs failed for different reasons.
        """
        self.check_common()
        raise_failures(self.failures, self.of)


def failure_lines(failures: Mapping[str, EpochgraphError]) -> dict[str, str]:
    """One line for each failed run that names it and says why, by its name."""
    lines = {name: " ".join(str(error).split()) for name, error in failures.items()}
    return {name: line if name in line else f"{name}: {line}" for name, line in lines.items()}


def raise_failures(failures: Mapping[str, EpochgraphError], of: int) -> None:
    """Raise one error for all runs that failed.

    Args:
        failures: The error of each failed run, by the name of the run or file.
        of: How many runs there were.

    Raises:
        BatchError: A run failed; the notes of the error say why.
    """
    if failures:
        lines = failure_lines(failures)
        error = BatchError(lines, of)
        for line in lines.values():
            error.add_note(line)
        raise error
