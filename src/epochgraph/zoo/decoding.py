"""Contents of image files -> pixels, decoded by several threads while the files are still being read."""

import io
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.zoo.album import Album, Flags, Indices, Pixels, catalogue
from epochgraph.zoo.archives import reason
from epochgraph.zoo.sources import Content, ImageSource

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The formats that are read. Pillow knows more, including one that starts another program (EPS)."""

GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
"""Pillow's modes with at most 8 bits per channel; 16 bits would be clipped silently."""

BATCH_BYTES = 2**17
"""The bytes that one thread decodes at a time: a task for every small image would cost more than the image."""

WAITING = 8
"""Batches that are read ahead, so that the files of a large data set are never in memory together."""

Progress = Callable[[int, int], object]
"""Called with the number of decoded images, and the total."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One image to decode.

    Attributes:
        place: Its place among the pixels.
        file: What to call it in an error.
        content: What was read of it.
    """

    place: int
    file: Path
    content: Content


def decoded(source: ImageSource, chosen: Indices, progress: Progress | None = None) -> Album:
    """Decode some images of a data set: grey if all of them are, RGB otherwise.

    Args:
        source: The data set, still open.
        chosen: Which images, in the order of the result; at least one.
        progress: Called repeatedly with the progress.

    Raises:
        UnreadableFileError: An image is damaged, not an image, not square, or not of the same size as the first.
        SettingError: The images do not fit into memory.
    """
    places = {index: place for place, index in enumerate(chosen.tolist())}
    tasks = (Task(places[index], source.images[index].file, content) for index, content in source.contents(places))
    with warnings.catch_warnings():  # around all threads, which share the filters
        warnings.simplefilter("ignore")  # of what is not used: transparency, metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        first = next(tasks)
        side = max(_opened(first).size)
        pixels, grey = _room(len(places), side), np.empty(len(places), np.bool_)
        done = 0
        for count in _all_filled(chain((first,), tasks), pixels, grey):
            done += count
            if progress is not None:
                progress(done, len(places))
    return Album(catalogue(source).at(chosen), pixels[..., :1] if grey.all() else pixels, grey)


def _room(count: int, side: int) -> Pixels:
    try:
        return np.empty((count, side, side, 3), np.uint8)
    except MemoryError as error:
        size = f"all: {count} images of {side} x {side} pixels"
        raise SettingError("limit_per_class", size, "given: so many do not fit into the memory") from error


def _all_filled(tasks: Iterable[Task], pixels: Pixels, grey: Flags) -> Iterator[int]:
    """Decode everything, in a moving window; errors are raised in the order of the tasks."""
    waiting: deque[Future[int]] = deque()
    with ThreadPoolExecutor(thread_name_prefix="decode") as pool:
        for batch in _batches(tasks):
            waiting.append(pool.submit(_filled, batch, pixels, grey))
            if len(waiting) > WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += len(task.content) if isinstance(task.content, bytes) else 3 * task.content.width * task.content.height
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _filled(tasks: list[Task], pixels: Pixels, grey: Flags) -> int:
    """Decode a batch into its places, which no other thread writes to."""
    for task in tasks:
        image, side = _opened(task), pixels.shape[1]
        if image.size != (side, side):
            found = f"is {image.width} x {image.height} pixels, not {side} x {side}"
            raise UnreadableFileError(task.file, found, "Bring all images to one square size, or leave it out.")
        with _decodable(task.file):
            pixels[task.place] = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
        grey[task.place] = image.mode in GREY_MODES
    return len(tasks)


def _opened(task: Task) -> Image.Image:
    """An image of which only the header is decoded yet."""
    if isinstance(task.content, Image.Image):
        return task.content
    with _decodable(task.file):
        image = Image.open(io.BytesIO(task.content), formats=FORMATS)
    if image.mode not in GREY_MODES | COLOUR_MODES:
        raise UnreadableFileError(task.file, f"has pixels of mode {image.mode}", "Convert it to 8 bits a channel.")
    return image


@contextmanager
def _decodable(file: Path) -> Iterator[None]:
    """Turn whatever Pillow raises into one error that names the file."""
    try:
        yield
    except UnidentifiedImageError as error:
        advice = "Remove it, or make it an image."
        raise UnreadableFileError(file, f"is no image of a known format ({', '.join(FORMATS)})", advice) from error
    except Exception as error:  # a damaged image raises nearly anything, from OSError to struct.error
        found = f"cannot be decoded ({reason(error)})"
        raise UnreadableFileError(file, found, "Remove it, or fetch it again.") from error
