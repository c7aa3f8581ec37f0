"""A cache of the test's own, and small files laid out as the real ones."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochgraph.zoo.tasks import files, pictures


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tasks keep what they made, for this test alone."""
    for module in (files, pictures):
        monkeypatch.setattr(module, "default_cache", lambda: tmp_path / "cache" / "images")
    return tmp_path / "cache" / "tasks"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """An empty folder where texts and tables belong; the data folder is its parent."""
    folder = tmp_path / "data" / "text-and-tables"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Path]:
    """Writes a recording and gives the data folder."""
    folder = tmp_path / "data" / "free-spoken-digits"
    folder.mkdir(parents=True)

    def written(name: str, samples: np.ndarray, *, rate: int = 8000, channels: int = 1) -> Path:
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        return folder.parent

    return written


@pytest.fixture
def pixels(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of classes whose images are all of one colour: (class, part, number); gives the data folder."""

    def written(name: str, classes: tuple[str, ...], counts: dict[str, int], *, size: int = 4) -> Path:
        for label, class_ in enumerate(classes):
            for part, (folder, count) in enumerate(counts.items()):
                for number in range(count):
                    file = tmp_path / "data" / name / folder / class_ / f"{number:02}.png"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    Image.new("RGB", (size, size), (label, part, number)).save(file)
        return tmp_path / "data"

    return written
