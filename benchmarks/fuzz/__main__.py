"""`python -m benchmarks.fuzz`: try many inputs of one kind, show what went wrong, and keep it."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import track

from benchmarks.fuzz.kinds import KINDS, kind_of
from benchmarks.fuzz.trying import READ, REFUSED, Trial


def main() -> int:
    """Try inputs until there are as many as asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, required=True, help="what kind of file")
    parser.add_argument("--inputs", type=int, default=10_000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0, help="of what is changed: the same seed, the same inputs")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of processor time, after which an input counts as endless"
    )
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="where inputs that went wrong are kept")
    given = parser.parse_args()
    kind, trial = kind_of(given.kind), Trial(given.kind, given.seconds)
    with tempfile.TemporaryDirectory() as folder:
        samples = kind.samples(Path(folder))
    found = _Found(given.out / given.kind, kind.suffix, given.seed)
    try:
        for number in track(range(given.inputs), given.kind, console=Console(stderr=True)):
            random = Random(f"{given.seed}/{number}")  # noqa: S311 - no secret is made of it
            content = kind.mutated(random.choice(samples), random)
            found.see(number, content, trial.end_of(content))
    except KeyboardInterrupt:  # what was tried until then counts
        pass
    trial.close()
    print(found.summary(given.kind))
    return 1 if found.wrong else 0


class _Found:
    """How the inputs ended, and one of each kind that ended in something else.

    Args:
        folder: Where those are kept.
        suffix: How their names end.
        seed: Of the inputs.
    """

    def __init__(self, folder: Path, suffix: str, seed: int) -> None:
        self.folder = folder
        self.suffix = suffix
        self.seed = seed
        self.ends: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.paths: dict[str, Path] = {}

    def see(self, number: int, content: bytes, end: str) -> None:
        """An input has ended."""
        self.ends[end if end in (READ, REFUSED) else "wrong"] += 1
        if end in (READ, REFUSED):
            return
        key = end.partition(": ")[0]
        self.wrong[key] += 1
        if key not in self.paths:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.paths[key] = self.folder / f"seed{self.seed}-{number}{self.suffix}"
            self.paths[key].write_bytes(content)
            print(f"{end} ({self.paths[key]})", file=sys.stderr)

    def summary(self, kind: str) -> str:
        """What went wrong, most often first, and one line of how many inputs ended in which way."""
        lines = [f"{count:6}  {key}  {self.paths[key]}" for key, count in self.wrong.most_common()]
        how = f"{self.ends[READ]} read, {self.ends[REFUSED]} refused in one line, {self.ends['wrong']} ended in"
        lines.append(f"{self.ends.total()} inputs of kind {kind}, seed {self.seed}: {how} something else")
        return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
