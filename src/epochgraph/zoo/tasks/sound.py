"""Spoken digits -> tasks: classify a digit by its spectrogram, its bands over time, or its waveform."""

import io
import re
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64
from scipy.signal import resample_poly, spectrogram

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import intact
from epochgraph.zoo.tasks.files import PARTS, Arrays, Contents, kept, tensors
from epochgraph.zoo.tasks.objectives import accuracy, cross_entropy
from epochgraph.zoo.tasks.task import Examples, Form, Task

SOURCE = "free-spoken-digits"
NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]{1,4})\.wav")
"""Digit, speaker and number of a recording."""

RATE = 8000
WINDOW, STEP = 256, 250
BANDS = 32
FLOOR = 1e-10
"""The power that counts as silence, relative to the loudest possible."""

SAMPLES = 2048
"""The samples of a waveform at half the rate: the first half second, which is longer than most of the words."""

View = Literal["spectrogram", "sequence", "waveform"]
Held = Literal["index", "speaker"]
Samples = Float64[np.ndarray, "samples"]


def spoken_digits(data: Path | None, name: str, view: View, held: Held) -> Task:
    """Classify the digit in a recording.

    Args:
        data: The folder that holds free-spoken-digits.
        name: What to add to the data set's name.
        view: What the network sees of a recording.
        held: What is held out: recordings 0 to 4 of each speaker and digit for testing and 5 to 9 for validation; or
            all of one speaker for testing and all of another for validation.
    """
    looked = waveform if view == "waveform" else bands

    def made(path: Path, contents: Contents) -> Arrays:
        return _arrays(path, contents, looked, held)

    key = f"{looked.__name__} {held}"
    found = tensors(kept(data, SOURCE, key=key, wanted=lambda file: NAME.fullmatch(file) is not None, made=made))
    train, validation, test = (
        Examples(found[part][:, None] if view == "spectrogram" else found[part], found[f"{part} digits"])
        for part in PARTS
    )
    kind: Literal["image", "sequence"] = "image" if view == "spectrogram" else "sequence"
    return Task(
        name=f"Free Spoken Digits, {name}",
        form=Form(kind=kind, inputs=tuple(train.inputs.shape[1:]), outputs=(10,)),
        train=train,
        validation=validation,
        test=test,
        loss=cross_entropy,
        metric=accuracy(10),
    )


def bands(samples: Samples) -> Float64[np.ndarray, "bands frames"]:
    """Logarithm of the power in bands of equal width on the mel scale, over the first second."""
    second = np.zeros(RATE + WINDOW - STEP)
    second[: min(len(samples), RATE)] = samples[:RATE]
    _, _, power = spectrogram(second, RATE, "hann", WINDOW, WINDOW - STEP, detrend=False, scaling="spectrum")
    return np.log(_filters() @ power + FLOOR)


def waveform(samples: Samples) -> Float64[np.ndarray, "1 half"]:
    """The first half second at half the rate, its largest value 1."""
    half = resample_poly(samples, 1, 2)[:SAMPLES]
    return np.pad(half / max(np.abs(half).max(), FLOOR), (0, SAMPLES - len(half)))[None]


def _filters() -> Float64[np.ndarray, "bands frequencies"]:
    """Triangles that overlap by half, equally spaced on the mel scale.

    References:
        O'Shaughnessy: Speech communication, 1987, p. 150.
    """
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    return np.stack([np.interp(frequencies, edges[band : band + 3], [0, 1, 0]) for band in range(BANDS)])


def _arrays(path: Path, contents: Contents, looked: Callable[[Samples], np.ndarray], held: Held) -> Arrays:
    if not contents:
        found = "has no recordings called <digit>_<speaker>_<index>.wav"
        raise UnreadableFileError(path, found, "Check that it is the Free Spoken Digit Dataset.")
    rows: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    digits: dict[str, list[int]] = {part: [] for part in PARTS}
    last = sorted({_parsed(name)[1] for name in contents})[-2:]
    for name, content in contents.items():
        digit, speaker, index = _parsed(name)
        part = _by_index(index) if held == "index" else _by_speaker(speaker, last)
        rows[part].append(looked(_samples(path / name, content)))
        digits[part].append(digit)
    _check(path, digits)
    return {**_standardised(rows), **{f"{part} digits": np.array(found) for part, found in digits.items()}}


def _parsed(name: str) -> tuple[int, str, int]:
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(name)
    return int(found[1]), found[2], int(found[3])


def _by_index(index: int) -> str:
    return "test" if index < 5 else "validation" if index < 10 else "train"


def _by_speaker(speaker: str, last: list[str]) -> str:
    return {last[0]: "validation", last[-1]: "test"}.get(speaker, "train")


def _samples(path: Path, content: bytes) -> Samples:
    with intact(path), wave.open(io.BytesIO(content)) as file:
        found = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        frames = file.readframes(file.getnframes())
    if found != (1, 2, RATE) or len(frames) < 2:
        said = f"has {found[0]} channels of {8 * found[1]} bits at {found[2]} Hz and {len(frames)} bytes of sound"
        raise UnreadableFileError(path, said, f"This task needs one channel of 16 bits at {RATE} Hz.")
    return np.frombuffer(frames[: len(frames) // 2 * 2], "<i2").astype(np.float64) / 32768


def _check(path: Path, digits: Mapping[str, list[int]]) -> None:
    for part, found in digits.items():
        if not found:
            raise UnreadableFileError(path, f"has no recordings for {part}", "Give all recordings of all speakers.")


def _standardised(rows: Mapping[str, list[np.ndarray]]) -> Mapping[str, Float32[np.ndarray, "recordings bands frames"]]:
    """All values with mean 0 and standard deviation 1 in training."""
    train = np.stack(rows["train"])
    mean, scale = train.mean(), train.std()
    return {part: ((np.stack(found) - mean) / scale).astype(np.float32) for part, found in rows.items()}
