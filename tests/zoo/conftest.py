"""Small image folders, and one thread: small steps on two threads stand still when other programs use the cores."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

Writer = Callable[..., Path]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def write_image() -> Writer:
    """Write an image of one colour, in any of Pillow's modes."""

    def write(
        path: Path, colour: int | tuple[int, ...] = (1, 2, 3), *, size: tuple[int, int] = (8, 8), mode="RGB"
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path)
        return path

    return write


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two classes, 10 training and 3 test images each; every pixel of an image tells its class, folder and number."""
    root = tmp_path / "album"
    for label, name in enumerate(("cat", "dog")):
        for folder, count in (("train", 10), ("test", 3)):
            for number in range(count):
                file = root / folder / name / f"{number:02}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.zeros((4, 4, 3), np.uint8)
                pixels[:, :, 0], pixels[:, :, 1] = label, number + (100 if folder == "test" else 0)
                pixels[:, :, 2] = np.arange(16).reshape(4, 4)  # a mirrored or transposed image would be noticed
                Image.fromarray(pixels).save(file)
    return root


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real images: `EPOCHGRAPH_DATA`, or `../shared/data` beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("EPOCHGRAPH_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real images: EPOCHGRAPH_DATA is not set and {beside} is missing")
    return folder
