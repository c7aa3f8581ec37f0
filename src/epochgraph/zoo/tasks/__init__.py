"""What the networks of a zoo learn: one file per kind of data."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

from epochgraph.zoo.tasks import pictures, series, sound, tables, text
from epochgraph.zoo.tasks.changes import noisy, subsampled
from epochgraph.zoo.tasks.pictures import ANIMALS, VEHICLES, Counts
from epochgraph.zoo.tasks.task import Direction, Examples, Form, Kind, Loss, Metric, Task

__all__ = [
    "TASKS",
    "Direction",
    "Examples",
    "Form",
    "Kind",
    "Loss",
    "Metric",
    "Reader",
    "Task",
    "noisy",
    "subsampled",
]

Reader = Callable[[Path | None], Task]
"""The data folder, which a task without files ignores -> the task.

Raises:
    SettingError: The task needs files, and no folder was given.
    UnreadableFileError: A file is missing or damaged.
    MissingPackageError: Word pieces need sentencepiece.
"""

READERS: Mapping[str, Reader] = {
    "digits": lambda _: pictures.digits(),
    "digits-reconstruction": lambda _: pictures.digits_reconstruction(),
    "cifar10": lambda data: pictures.cifar10(data, "10,000 images", Counts(1000, 200, 200)),
    "cifar10-small": lambda data: pictures.cifar10(data, "2,500 images", Counts(250, 200, 200)),
    "cifar10-animals": lambda data: pictures.cifar10(data, "6 animals", Counts(1500, 300, 300), ANIMALS),
    "cifar10-vehicles": lambda data: pictures.cifar10(data, "4 vehicles", Counts(2000, 500, 500), VEHICLES),
    "cifar10-reconstruction": lambda data: pictures.cifar10_reconstruction(data, Counts(500, 100, 100)),
    "tiny-imagenet-10": lambda data: pictures.tiny_imagenet(data, 10, Counts(440, 45, 45)),
    "tiny-imagenet-20": lambda data: pictures.tiny_imagenet(data, 20, Counts(440, 45, 45)),
    "tiny-imagenet-50": lambda data: pictures.tiny_imagenet(data, 50, Counts(100, 40, 40)),
    "tiny-imagenet-100": lambda data: pictures.tiny_imagenet(data, 100, Counts(100, 20, 20)),
    "spoken-digits-spectrogram": lambda data: sound.spoken_digits(data, "spectrogram", "spectrogram", "index"),
    "spoken-digits-sequence": lambda data: sound.spoken_digits(data, "bands over time", "sequence", "index"),
    "spoken-digits-waveform": lambda data: sound.spoken_digits(data, "waveform", "waveform", "index"),
    "spoken-digits-speaker": lambda data: sound.spoken_digits(
        data, "spectrogram, unseen speakers", "spectrogram", "speaker"
    ),
    "shakespeare-characters": lambda data: text.shakespeare(data, "characters"),
    "shakespeare-pieces": lambda data: text.shakespeare(data, "pieces"),
    "wikitext-characters": lambda data: text.wikitext(data, "characters"),
    "wikitext-pieces": lambda data: text.wikitext(data, "pieces"),
    "python-docs": lambda _: text.python_docs(),
    "income": tables.income,
    "breast-cancer": lambda _: tables.breast_cancer(),
    "wine": lambda _: tables.wine(),
    "diabetes": lambda _: tables.diabetes(),
    "friedman": lambda _: tables.friedman(),
    "pollution-table": series.pollution_table,
    "pollution": lambda data: series.pollution(data, 24),
    "pollution-6": lambda data: series.pollution(data, 6),
    "generated-series": lambda _: series.generated_series(),
}


@lru_cache(maxsize=4)
def _read(name: str, data: Path | None) -> Task:
    return READERS[name](data)


TASKS: dict[str, Reader] = {name: partial(_read, name) for name in READERS}
"""Name -> function that reads the task; the four tasks read last stay in memory."""
