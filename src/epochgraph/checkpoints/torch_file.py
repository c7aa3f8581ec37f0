"""A file of torch.save -> its weights."""

from pathlib import Path

from epochgraph.checkpoints.archive import COPY_AGAIN
from epochgraph.checkpoints.checkpoint import Stored
from epochgraph.checkpoints.legacy import legacy_archive
from epochgraph.checkpoints.location import stamp
from epochgraph.checkpoints.nesting import weights
from epochgraph.checkpoints.tensors import stored_tensor
from epochgraph.checkpoints.zipped import zip_archive
from epochgraph.errors import UnreadableFileError


def torch_weights(path: Path) -> dict[str, Stored]:
    """The tensors of a model in a torch.save file of any age; everything else in the file is ignored.

    Raises:
        UnreadableFileError: The file is damaged, or not one of torch.save, or holds no weights.
        UnsafeCheckpointError: Its pickle names a function that could run code.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        state = stamp(file.fileno())
        if not state.size:
            raise UnreadableFileError(path, "it is empty", COPY_AGAIN)
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        archive = zip_archive(file, path, state.size) if is_zip else legacy_archive(file, path, state.size)
        found = weights(archive.root, path)
        return {name: stored_tensor(node, name, archive, path, state) for name, node in found.items()}
