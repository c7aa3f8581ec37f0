"""Every error raised on purpose: what was found, what was expected, what to do.

Each class passes its fields to `args`, so an error survives pickling between worker processes, and builds its
one-line message from them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path


class EpochgraphError(Exception):
    """Something about the input or the request is wrong; the message says what, where, and what to do.

    Examples:
        >>> from epochgraph import load_checkpoint
        >>> try:
        ...     load_checkpoint("epoch_7.pt")
        ... except EpochgraphError as error:
        ...     print(error)
        epoch_7.pt: there is no such file. Check the path.
    """


class SettingError(EpochgraphError, ValueError):
    """An option has a value that it cannot have."""

    def __init__(self, option: str, found: object, expected: str) -> None:
        super().__init__(option, found, expected)

    def __str__(self) -> str:
        option, found, expected = self.args
        return f"{option} is {found!r}, but must be {expected}."


class UnreadableFileError(EpochgraphError, ValueError):
    """A file is not what its name or place promises."""

    def __init__(self, path: Path, found: str, advice: str) -> None:
        super().__init__(path, found, advice)

    def __str__(self) -> str:
        path, found, advice = self.args
        return f"{path}: {found}. {advice}"


class UnsafeCheckpointError(EpochgraphError, ValueError):
    """A pickled checkpoint asks for a function that could run code; nothing of it was executed."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, name)

    def __str__(self) -> str:
        path, name = self.args
        return (
            f"{path}: the pickle asks for {name}, which can run code; nothing was executed. "
            "Do not trust this file; ask for the weights as .safetensors."
        )


class CheckpointMismatchError(EpochgraphError, ValueError):
    """Two checkpoints of one run disagree about a parameter."""

    def __init__(
        self, path: Path, parameter: str, expected: tuple[int, ...] | None, found: tuple[int, ...] | None
    ) -> None:
        super().__init__(path, parameter, expected, found)

    def __str__(self) -> str:
        path, parameter, expected, found = self.args
        is_, was = (f"has shape {shape}" if shape is not None else "is missing" for shape in (found, expected))
        return (
            f"{path}: {parameter!r} {is_}, but in the run's first checkpoint it {was}. "
            "A run keeps one architecture: give the changed model a run of its own."
        )


class MissingCheckpointError(EpochgraphError, ValueError):
    """A run's folder has a gap in its sequence of checkpoints."""

    def __init__(self, path: Path, before: float, after: float, step: float) -> None:
        super().__init__(path, before, after, step)

    def __str__(self) -> str:
        path, before, after, step = self.args
        return (
            f"{path}: checkpoint {before:g} is followed by {after:g}, but the others are {step:g} apart. "
            "Restore the missing ones, or allow gaps if they were never written."
        )


class UnknownEpochsError(EpochgraphError, ValueError):
    """The names of a run's checkpoints do not say which number is the epoch.

    Args:
        path: The folder.
        name: One of the names.
        readings: Patterns of `epochs_from`, each with the number that it takes for the epoch.
    """

    def __init__(self, path: Path, name: str, readings: Mapping[str, str]) -> None:
        super().__init__(path, name, dict(readings))

    def __str__(self) -> str:
        path, name, readings = self.args
        choices = " or ".join(f"{number} (--epochs-from '{pattern}')" for pattern, number in readings.items())
        if len(readings) == 1:
            found = f"the number in names such as {name} may be the epoch or a metric"
            return f"{path}: {found}. If it is the epoch, say so: {choices}; else name each file by its epoch."
        return (
            f"{path}: it is unknown which number is the epoch in names such as {name}: {choices}. "
            "Choose one of these (in a program, epochs_from='...')."
        )


class MissingParameterError(EpochgraphError, KeyError):
    """The weights lack a parameter that the topology joins."""

    def __init__(self, parameter: str, available: Sequence[str]) -> None:
        super().__init__(parameter, tuple(available))

    def __str__(self) -> str:
        parameter, available = self.args
        shown = ", ".join(available[:4]) + (", ..." if len(available) > 4 else "")
        return (
            f"parameter {parameter!r} of the topology is not among the {len(available)} tensors given ({shown}). "
            "Use the topology of the model that these weights belong to."
        )


class SeveralModelsError(EpochgraphError, ValueError):
    """The weights that a topology asks for are there several times."""

    def __init__(self, prefixes: Sequence[str]) -> None:
        super().__init__(tuple(prefixes))

    def __str__(self) -> str:
        (prefixes,) = self.args
        shown = ", ".join(repr(prefix) for prefix in prefixes[:4]) + (", ..." if len(prefixes) > 4 else "")
        return (
            f"the weights of the topology are there {len(prefixes)} times, under {shown}. "
            "Use a topology of the whole model, or save the weights of one network alone."
        )


class ShapeMismatchError(EpochgraphError, ValueError):
    """A parameter, an input or a vector has another shape than the topology or graph says."""

    def __init__(self, name: str, expected: object, found: object) -> None:
        super().__init__(name, expected, found)

    def __str__(self) -> str:
        name, expected, found = self.args
        if isinstance(found, tuple) and 0 in found:
            return (
                f"{name} has no values (shape {found}), but {expected} was expected: ZeRO-3 and FSDP leave such "
                "placeholders in each part. Put the parts together: with zero_to_fp32.py, or as a full state dict."
            )
        return f"{name} has shape {found}, but {expected} was expected. Use the topology and input of this very model."


class NonFiniteWeightsError(EpochgraphError, ValueError):
    """Some weights are NaN or infinite: the run has diverged."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        super().__init__(dict(counts))

    def __str__(self) -> str:
        (counts,) = self.args
        parameter, count = next(iter(counts.items()))
        more = f" and {len(counts) - 1} further parameters" if len(counts) > 1 else ""
        return (
            f"{parameter!r} has {count} NaN or infinite values{more}: the run has diverged. "
            "Leave this snapshot out or take an earlier one; a program may record it as diverged (nonfinite='record')."
        )


class WeightDtypeError(EpochgraphError, TypeError):
    """A weight is quantised or holds integers, so it has no norm that compares with other weights."""

    def __init__(self, parameter: str, dtype: str, how: str = "", advice: str = "") -> None:
        super().__init__(parameter, dtype, how, advice)

    def __str__(self) -> str:
        parameter, dtype, how, advice = self.args
        kind = f"quantised: {how}" if how else "a quantised model?"
        more = f": {advice}" if advice else ""
        return f"{parameter!r} holds {dtype} values ({kind}). Give the weights as floating-point numbers{more}."


class EmptyGraphError(EpochgraphError, ValueError):
    """All weights are zero, so a measure says nothing."""

    def __str__(self) -> str:
        return "all weights of the graph are zero: the measure is undefined. Check the checkpoint."


class ConvergenceError(EpochgraphError, RuntimeError):
    """A measure's iteration did not converge."""

    def __init__(self, iterations: int, nodes: int) -> None:
        super().__init__(iterations, nodes)

    def __str__(self) -> str:
        iterations, nodes = self.args
        return (
            f"the iteration on a graph of {nodes} nodes did not converge in {iterations} products: two components are "
            "almost equally strong. Measure the components one by one."
        )


class TracingError(EpochgraphError, RuntimeError):
    """The model's wiring could not be read."""

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found, advice)

    def __str__(self) -> str:
        found, advice = self.args
        return f"{found}. {advice}"


class FeatureMismatchError(EpochgraphError, ValueError):
    """A signature does not have the features that the others, or the predictor, have."""

    def __init__(self, missing: Sequence[str], expected: int, found: int, signature: int | str) -> None:
        super().__init__(tuple(missing), expected, found, signature)

    def __str__(self) -> str:
        missing, expected, found, signature = self.args
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        who = f"run {signature!r}" if isinstance(signature, str) else f"signature {signature} (counted from 0)"
        return (
            f"{who} has {found} features, and {len(missing)} of the {expected} "
            f"expected are not among them: {shown}. Extract all signatures with the same settings (for a predictor, "
            "its own) and up to the same epoch."
        )


class UnfinishedRunsError(EpochgraphError, ValueError):
    """Some runs were stopped before their end, so what they ended with is not known."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(dict(reasons))

    def __str__(self) -> str:
        (reasons,) = self.args
        shown = "; ".join(f"run {run!r} {reason}" for run, reason in reasons.items())
        return (
            f"not finished: {shown}. Leave them out with `--unfinished leave-out`; if they have ended, take them as "
            "they are with `--unfinished take`."
        )


class BatchError(EpochgraphError, RuntimeError):
    """Some runs of several could not be used; the others are done."""

    def __init__(self, failures: Mapping[str, str], of: int) -> None:
        super().__init__(dict(failures), of)

    def __str__(self) -> str:
        failures, of = self.args
        named = ", ".join(failures)
        done = "none of the others is left" if len(failures) == of else f"the other {of - len(failures)} are done"
        return f"{len(failures)} of {of} runs could not be used, {done}: {named}. See above why; mend them and repeat."


class OutputError(EpochgraphError, OSError):
    """A result cannot be written; what stood there before is untouched."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)

    def __str__(self) -> str:
        path, reason = self.args
        return f"{path}: cannot be written ({reason}). Free some space or name another place; nothing was changed."


class RecipeError(EpochgraphError, ValueError):
    """A recipe has a key or value that it cannot have."""

    def __init__(self, path: Path, line: int, found: str) -> None:
        super().__init__(path, line, found)

    def __str__(self) -> str:
        path, line, found = self.args
        return f"{path}, line {line}: {found}. `epochgraph zoo recipes` lists recipes that work, to start from."


class ZooError(EpochgraphError, RuntimeError):
    """A population cannot be trained any further; the runs that are finished are kept."""

    def __init__(self, folder: Path, found: str, advice: str) -> None:
        super().__init__(folder, found, advice)

    def __str__(self) -> str:
        folder, found, advice = self.args
        return f"{folder}: {found}. Finished runs are kept. {advice}"


class MissingPackageError(EpochgraphError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)

    def __str__(self) -> str:
        package, extra = self.args
        return f"{package} is not installed. Install it with: pip install 'epochgraph[{extra}]'"
