"""One folder a class: `train/<class>/<image>`, and `test` or `val` likewise, as `torchvision.datasets.ImageFolder`."""

from pathlib import Path

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import FileTree
from epochgraph.zoo.sources.files import contents_of, names
from epochgraph.zoo.sources.image_set import ImageSet, ImageSource, LabelledImage

ADVICE = "Put every image into train/<class>/, or into test/<class>/ (or val/<class>/)."


def folder_set(path: Path, tree: FileTree) -> ImageSet:
    """Find the images by their names alone; where there is `test`, `val` is not read.

    Raises:
        UnreadableFileError: `train`, or both `test` and `val`, are missing.
    """
    found = names(tree)
    classes = {parts for parts in found.folders if len(parts) == 2} | {p[:2] for p in found.files if len(p) == 3}
    present = {part for part, _ in classes}
    judged = "val" if "test" not in present and "val" in present else "test"
    for part in ("train", judged):
        if part not in present:
            raise UnreadableFileError(path / found.root, f"has no folder {part}/<class>/", ADVICE)
    images = [
        LabelledImage(path, name, parts[1], parts[0] == judged)
        for parts, name in sorted(found.files.items())
        if len(parts) == 3 and parts[0] in ("train", judged)
    ]
    used = [Path(found.root, *parts) for parts in classes if parts[0] in ("train", judged)]
    source = ImageSource(
        classes={folder.name for folder in used},
        images=images,
        parts=(str(Path(found.root, "train")), str(Path(found.root, judged))),
        contents=contents_of(path, tree, images),
    )
    return ImageSet([*(folder.as_posix() for folder in used), *(image.name for image in images)], lambda: source)
