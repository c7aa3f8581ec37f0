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
    wrong: dict[str, tuple[int, Path]] = {}
    ends: Counter[str] = Counter()
    for number in track(range(given.inputs), given.kind, console=Console(stderr=True)):
        random = Random(f"{given.seed}/{number}")  # noqa: S311 - no secret is made of it
        content = kind.mutated(random.choice(samples), random)
        end = trial.end_of(content)
        ends[end if end in (READ, REFUSED) else "wrong"] += 1
        if end not in (READ, REFUSED):
            key = end.partition(": ")[0]
            if key not in wrong:
                path = given.out / given.kind / f"seed{given.seed}-{number}{kind.suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                wrong[key] = (0, path)
                print(f"{end} ({path})", file=sys.stderr)
            wrong[key] = (wrong[key][0] + 1, wrong[key][1])
    trial.close()
    for key, (count, path) in sorted(wrong.items(), key=lambda item: -item[1][0]):
        print(f"{count:6}  {key}  {path}")
    summary = f"{given.inputs} inputs of kind {given.kind}, seed {given.seed}: {ends[READ]} read, "
    print(f"{summary}{ends[REFUSED]} refused in one line, {ends['wrong']} ended in something else")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
