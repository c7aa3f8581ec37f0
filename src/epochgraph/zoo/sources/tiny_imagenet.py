"""The original Tiny ImageNet: `train/<class>/images/<image>`, and `val/images/` with its classes in a text file."""

from pathlib import Path

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import FileTree
from epochgraph.zoo.sources.files import LARGEST_FILE, Names, content, contents_of, names
from epochgraph.zoo.sources.image_set import ImageSet, ImageSource, LabelledImage

ANNOTATIONS = ("val", "val_annotations.txt")

ADVICE = "Fetch tiny-imagenet-200.zip again."


def tiny_imagenet_set(path: Path, tree: FileTree) -> ImageSet | None:
    """Find the images, if this is Tiny ImageNet as it was published; its `test` images have no labels.

    Returns:
        The images of `val` are those to test; None if it is something else.

    Raises:
        UnreadableFileError: There are no training images; from `source`, the annotations are damaged.
    """
    found = names(tree)
    if ANNOTATIONS not in found.files:
        return None
    train = [
        LabelledImage(path, name, parts[1], test=False)
        for parts, name in sorted(found.files.items())
        if len(parts) == 4 and parts[0] == "train" and parts[2] == "images"
    ]
    if not train:
        raise UnreadableFileError(path / found.root, "has no folder train/<class>/images/", ADVICE)

    def source() -> ImageSource:
        images = [*train, *_annotated(path, tree, found)]
        parts = str(Path(found.root, "train")), str(Path(found.root, "val"))
        return ImageSource({image.label for image in images}, images, parts, contents_of(path, tree, images))

    val = [name for parts, name in found.files.items() if parts[0] == "val"]
    return ImageSet([*val, *(image.name for image in train)], source)


def _annotated(path: Path, tree: FileTree, found: Names) -> list[LabelledImage]:
    """The images of `val`: each line of the annotations has a file's name, its class and a box, between tabs."""
    annotations = found.files[ANNOTATIONS]
    text = content(path, tree, annotations, at_most=LARGEST_FILE).decode("utf-8", "replace")
    images: dict[str, LabelledImage] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        file, _, rest = line.partition("\t")
        label = rest.partition("\t")[0]
        name = found.files.get(("val", "images", file))
        if name is None or name in images or not label:
            wrong = f"its line {number} does not name another file in val/images/ and its class"
            raise UnreadableFileError(path / annotations, wrong, ADVICE)
        images[name] = LabelledImage(path, name, label, test=True)
    return [images[name] for name in sorted(images)]
