"""What a torch pickle says about a storage."""

from dataclasses import dataclass

from epochgraph.checkpoints.pickles import Named, Outside

# Each class of storage -> its dtype and the bytes of one value; as text, because torch will drop the quantised ones.
_CLASSES = {
    "BFloat16Storage": ("bfloat16", 2),
    "BoolStorage": ("bool", 1),
    "ByteStorage": ("uint8", 1),
    "CharStorage": ("int8", 1),
    "ComplexDoubleStorage": ("complex128", 16),
    "ComplexFloatStorage": ("complex64", 8),
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "IntStorage": ("int32", 4),
    "LongStorage": ("int64", 8),
    "QInt8Storage": ("qint8", 1),
    "QInt32Storage": ("qint32", 4),
    "QUInt2x4Storage": ("quint2x4", 1),
    "QUInt4x2Storage": ("quint4x2", 1),
    "QUInt8Storage": ("quint8", 1),
    "ShortStorage": ("int16", 2),
    "UntypedStorage": ("uint8", 1),
}


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as the pickle announces it.

    Attributes:
        key: Its name in the file.
        dtype: The name of its values' dtype.
        item_size: Bytes of one value.
        size: Number of values.
    """

    key: str
    dtype: str
    item_size: int
    size: int


def is_storage(outside: Outside) -> bool:
    """Say whether it is a storage; old files also leave the classes of modules outside."""
    return isinstance(outside.key, tuple) and outside.key[:1] == ("storage",)


def storage(outside: Outside) -> Storage:
    """Read the identity that torch.save gives a storage.

    Raises:
        ValueError: It is not the identity of a storage.
    """
    match outside.key:
        case ("storage", Named(name), str(key), str(), int(size), *view) if view in ([], [None]):
            if size >= 0 and (class_ := _CLASSES.get(name.rpartition(".")[2])):
                return Storage(key, *class_, size)
    raise ValueError("a storage is described in an unknown way")
