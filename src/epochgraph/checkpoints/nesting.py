"""Where the weights are in what torch.save was given, and their names without the changes of wrappers."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from epochgraph.checkpoints.archive import SAVE_WEIGHTS
from epochgraph.checkpoints.pickles import Made, Named
from epochgraph.checkpoints.tensors import is_tensor
from epochgraph.errors import UnreadableFileError

_KEYS = ("state_dict", "model_state_dict", "model", "module", "net", "network")
_AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "ema", "params", "params_ema", "weights")
_LEVELS = 2
_ADVICE = "Save them with torch.save(model.state_dict(), path), or under the key 'state_dict' or 'model'."
_COUNTER = "n_averaged"
_LIGHTNING = "pytorch-lightning_version"
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})


def weights(root: object, path: Path) -> dict[str, object]:
    """The tensors of a model, as the pickle describes them, by name.

    Args:
        root: What the pickle would build.
        path: The file, for messages.

    Returns:
        Those directly in the mapping, or under one of the usual keys; the name of a Lightning module's attribute is
        removed.

    Raises:
        UnreadableFileError: There are no tensors, or there is a whole pickled model in their place.
    """
    tensors = _tensors(root, path, _LEVELS)
    if not tensors:
        keys = ", ".join(ascii(key)[:40] for key in list(_items(root))[:6])
        found = "it holds no tensors by name" + (f" (only {keys})" if keys else "")
        raise UnreadableFileError(path, found, _ADVICE)
    return _without_first(tensors) if _LIGHTNING in _items(root) else tensors


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Each name -> the parameter's name in the bare model; the counter of an average is left out.

    `torch.compile`, FSDP and activation checkpointing insert a segment anywhere in the name; DataParallel puts
    `module.` in front of every name, and so does `AveragedModel`, which adds a counter. If two parameters would get the
    same name, all names are kept.
    """
    names = list(names)
    if _COUNTER in names and all(name.startswith("module.") for name in names if name != _COUNTER):
        names.remove(_COUNTER)
    plain = {name: ".".join(s for s in name.split(".") if s not in _WRAPPERS) or name for name in names}
    if all(name.startswith("module.") for name in plain.values()):
        plain = {name: stripped.removeprefix("module.") for name, stripped in plain.items()}
    return plain if len(set(plain.values())) == len(plain) else {name: name for name in plain}


def _tensors(node: object, path: Path, levels: int) -> dict[str, object]:
    """The tensors inside, down to a limited depth; a usual key takes precedence over tensors beside it."""
    _refuse_module(node, path)
    items = _items(node)
    for key in _KEYS if levels else ():
        inner = _tensors(items.get(key), path, levels - 1)
        if inner:
            return inner
    found = {name: item for name, item in items.items() if is_tensor(item)}
    averaged = (_tensors(items.get(key), path, levels - 1) for key in (_AVERAGED if levels and not found else ()))
    return found or next(filter(None, averaged), {})


def _items(node: object) -> Mapping[str, object]:
    """The entries of a described dict, or of an object that is one."""
    match node:
        case dict():
            return node
        case Made(Named("collections.OrderedDict"), ([_, *_] as pairs,)):  # as Python 2 wrote it
            return {p[0]: p[1] for p in pairs if isinstance(p, list) and len(p) == 2 and isinstance(p[0], str)}
        case Made():
            return node.items
        case _:
            return {}


def _refuse_module(node: object, path: Path) -> None:
    match node:
        case Made(callee, _, {"_parameters": _, "_modules": _}):
            name = f" ({ascii(callee.name)[1:-1][:60]})" if isinstance(callee, Named) else ""
            raise UnreadableFileError(path, f"it holds a whole pickled model{name}, not its weights", SAVE_WEIGHTS)
        case _:
            return


def _without_first(tensors: dict[str, object]) -> dict[str, object]:
    """The tensors without the first segment of their names, if all share it: the attribute that holds the network."""
    firsts = {name.partition(".")[0] for name in tensors}
    if len(firsts) > 1 or not all("." in name for name in tensors):
        return tensors
    return {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
