"""Make `examples/digits.parquet` and `examples/run` again: train forty small networks, and the beginning of another.

It takes a few minutes; trained runs are kept in `out/examples/zoo`, so that it goes on where it was interrupted.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from train_a_run import like_the_population, trained

from epochgraph.commands.populations import train_recipe
from epochgraph.extraction import Extraction
from epochgraph.runs import Run, read_stored_runs, write_runs
from epochgraph.zoo.resources import usable_resources

EXTRACTION = Extraction(scopes=("graph", "part"), change=("initial",))
"""What is kept of all that a zoo measures."""

LAST = 3
"""The last epoch whose graphs are kept."""


def kept(run: Run) -> Run:
    """A run of a zoo as `extract` would have made it of checkpoints after each of its first epochs."""
    signature = EXTRACTION.selected(run.signature)
    early = (signature.times % 1 == 0) & (signature.times <= LAST)
    signature = replace(
        signature, times=signature.times[early], values=signature.values[early], diverged=signature.diverged[early]
    )
    metrics = run.metrics[(run.metrics.index % 1 == 0) & (run.metrics.index > 0)]
    names = ("train_loss", "validation_accuracy", "test_accuracy")
    known = ("learning_rate", "dropout", "batch_size", "epochs")
    settings = {name: run.settings[name] for name in known} | EXTRACTION.settings()

    return Run(run.name, signature, metrics[[*names]], settings)


def main(out: Path, zoo: Path, *, limit: int) -> None:
    """Train, and write what is small enough for a repository."""
    train_recipe("digits-reduced", zoo, data=["digits"], limit=limit, resources=usable_resources())
    runs = [kept(run) for run in read_stored_runs(zoo / "runs")]
    write_runs(runs, out / "digits.parquet")
    *_, last = trained(out / "run", like_the_population(0.14, 0.4, seed=7, epochs=12), seen=2)
    print(f"{len(runs)} runs; examples/run ends with a test accuracy of {last.test_accuracy:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--zoo", type=Path, default=Path("out/examples/zoo"))
    parser.add_argument("--limit", type=int, default=40)
    given = parser.parse_args()
    main(given.out, given.zoo, limit=given.limit)
