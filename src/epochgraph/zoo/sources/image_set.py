"""What every format of image data sets is read as: a list of labelled images, and a way to their contents."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

Content = bytes | Image.Image
"""An image as a file has it: still to be decoded, or plain pixels."""

Contents = Callable[[Collection[int]], Iterator[tuple[int, Content]]]
"""Indices of images -> each index and the image's content, in whatever order reads fastest."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image that is not read yet.

    Attributes:
        path: The data set's path.
        name: The image's place within it.
        label: Name of its class.
        test: Whether it is one of the official test images.
    """

    path: Path
    name: str
    label: str
    test: bool

    @property
    def file(self) -> Path:
        """What to call it in an error."""
        return self.path / self.name


@dataclass(frozen=True, slots=True, eq=False)
class ImageSource:
    """The images of a data set, none of them read yet.

    Attributes:
        classes: Names of the classes, even of those that have no image.
        images: All images; the order within a class and part is that of the data set.
        parts: Where within the path the images to train and those to test are, for errors.
        contents: Reads images, by their indices.
    """

    classes: Collection[str]
    images: Sequence[LabelledImage]
    parts: tuple[str, str]
    contents: Contents


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """A data set of which no more is known yet than its format.

    Attributes:
        made_of: Names of all files, and folders, that decide on its images.
        source: Lists the images, which may take reading some of the files.
    """

    made_of: Sequence[str]
    source: Callable[[], ImageSource]


def joined(sources: Sequence[ImageSource]) -> ImageSource:
    """One data set of several: the union of their classes, and of the images of each class.

    Returns:
        Images to train before those to test, each part class by class in the order of their names; within a class in
        the order of the sources. The parts are those of the first.
    """
    found = [
        (image, number, index) for number, source in enumerate(sources) for index, image in enumerate(source.images)
    ]
    found.sort(key=lambda entry: (entry[0].test, entry[0].label))

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        places: list[dict[int, int]] = [{} for _ in sources]
        for place in wanted:
            _, number, index = found[place]
            places[number][index] = place
        for source, mine in zip(sources, places, strict=True):
            for index, content in source.contents(mine):
                yield mine[index], content

    classes = sorted({name for source in sources for name in source.classes})
    return ImageSource(classes, [image for image, _, _ in found], sources[0].parts, contents)
