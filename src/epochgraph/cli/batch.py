"""Several runs in one command: one that cannot be used stops no other, and is named in the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from epochgraph.checkpoints.archive import readable
from epochgraph.cli.output import notes
from epochgraph.errors import BatchError, EpochgraphError, MissingPackageError, OutputError
from epochgraph.runs import Run, parquet_files, read_stored_runs


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

    def finish(self) -> None:
        """Name what could not be used.

        Raises:
            EpochgraphError: No run could be used, all for one reason, such as an option.
            BatchError: Some could not be used; the reason of each has been printed.
        """
        errors = list(self.failures.values())
        if errors and len(errors) == self.of and len({(type(e), *map(str, e.args[1:] or e.args)) for e in errors}) == 1:
            raise errors[0]
        lines = {name: " ".join(str(error).split()) for name, error in self.failures.items()}
        for name, failure in lines.items():
            notes.print(failure if name in failure else f"{name}: {failure}", markup=False, highlight=False)
        if lines:
            raise BatchError(lines, self.of)


def stored_runs(store: Path, batch: Batch) -> list[Run]:
    """The runs of a folder of stored runs, or of one file, that can be read; the batch keeps the others.

    Raises:
        UnreadableFileError: There are no runs, or there is a single file, which cannot be read.
        BatchError: None of several can be read.
    """
    with readable(store):
        single = store.is_file()
    files = [] if single else parquet_files(store)
    if not files:
        runs = read_stored_runs(store)
        batch.of = len(runs)
        return runs
    batch.of, runs = len(files), []
    for file in files:
        with batch.each(file):
            runs += read_stored_runs(file)
    if not runs:
        batch.finish()
    return runs
