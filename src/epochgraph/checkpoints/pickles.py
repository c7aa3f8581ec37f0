"""A pickle read as data: what it would build is described; nothing in it is imported, called or built.

Unpickling runs whatever the file asks for, and `torch.load(weights_only=True)` refuses any file that also holds a
path, an enum or a config. Here the standard library's disassembler decodes the instructions, this module keeps the
stack that they work on, and a class or function remains a name.
"""

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

from epochgraph.checkpoints.archive import damaged
from epochgraph.checkpoints.danger import ATTRIBUTE_GETTERS, runs_code
from epochgraph.errors import UnsafeCheckpointError


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function that the pickle refers to; nothing but its dotted name.

    Attributes:
        name: Module and name.
        module: The module alone.
    """

    name: str
    module: str = field(default="", compare=False)


@dataclass(slots=True, eq=False)
class Made:
    """What calling something would make.

    Attributes:
        callee: What would be called; mostly a `Named`.
        arguments: What it would be called with; mostly a tuple.
        state: What would be set on the result afterwards.
        items: What would be put into the result under a string, as into a dict.
    """

    callee: object
    arguments: object
    state: object = None
    items: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """A reference to something outside the pickle: for torch, the identity of a storage."""

    key: object


@dataclass(frozen=True, slots=True, eq=False)
class Pickle:
    """What a pickle would build, and its references to the outside."""

    root: object
    outside: list[Outside]


def read_pickle(file: BufferedReader | BytesIO, path: Path) -> Pickle:
    """Describe what the pickle at the file's position would build; the position moves behind its end.

    Containers are lists, tuples and dicts; of dicts only entries with string keys are kept: that is where weights are,
    and hashing untrusted nested tuples could take for ever.

    Raises:
        UnsafeCheckpointError: The pickle names a function that could run code.
        UnreadableFileError: It is not a whole and consistent pickle.
    """
    machine = _Machine(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about backslashes in damaged strings
            for opcode, argument, _ in pickletools.genops(file):
                _STEPS[opcode.name](machine, argument)
        return Pickle(machine.stack.pop(), machine.outside)
    except UnsafeCheckpointError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise damaged(path, "its pickle is cut short or contradicts itself") from error


class _Machine:
    """The stack, the marks and the memo that pickle instructions work on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, object] = {}
        self.outside: list[Outside] = []

    def push(self, value: object) -> None:
        self.stack.append(value)

    def mark(self, _: object) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def pop(self, _: object) -> None:
        if self.stack:
            self.stack.pop()
        else:  # a mark lies on the stack like any other item
            self.since_mark()

    def tuple_of(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def put(self, key: int | None) -> None:
        self.memo[len(self.memo) if key is None else key] = self.stack[-1]

    def name(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name is no text")
        if runs_code(module, name):
            shown = ascii(f"{module}.{name}")[1:-1]
            raise UnsafeCheckpointError(self.path, shown[:80])
        self.push(Named(f"{module}.{name}", module))

    def made(self, callee: object, arguments: object) -> None:
        """Describe a call, except where an old pickle gets a nested class as an attribute."""
        if not isinstance(callee, Named) or callee.name not in ATTRIBUTE_GETTERS:
            self.push(Made(callee, arguments))
            return
        match arguments:
            case (Named(owner, module), str(name)) if _is_plain(name) and module:
                self.name(module, f"{owner.removeprefix(module + '.')}.{name}")
            case (Made(), str(name)) if _is_plain(name):
                self.push(Made(callee, arguments))
            case _:
                raise UnsafeCheckpointError(self.path, callee.name)

    def call(self, _: object) -> None:
        arguments, callee = self.stack.pop(), self.stack.pop()
        self.made(callee, arguments)

    def call_with_options(self, _: object) -> None:
        self.stack.pop()
        self.call(None)

    def instance(self, class_: str) -> None:
        arguments = tuple(self.since_mark())
        self.name(*class_.split(" ", 1))
        self.made(self.stack.pop(), arguments)

    def object_(self, _: object) -> None:
        callee, *arguments = self.since_mark()
        self.made(callee, tuple(arguments))

    def build(self, _: object) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state

    def store(self, entries: list[Any]) -> None:
        target = self.stack[-1]
        items = target.items if isinstance(target, Made) else target
        items.update({k: v for k, v in zip(entries[::2], entries[1::2], strict=True) if isinstance(k, str)})

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):  # the contents of a subclass of list or set are not needed
            self.stack[-1].extend(items)

    def dictionary(self, _: object) -> None:
        entries = self.since_mark()
        self.push({})
        self.store(entries)

    def outer(self, key: object) -> None:
        self.outside.append(Outside(key))
        self.push(self.outside[-1])


def _is_plain(name: str) -> bool:
    """Whether a name is one that a class's own members have, and no key to Python's inside."""
    return name.isidentifier() and not name.startswith("__")


_Step = Callable[[_Machine, Any], object]
_LITERALS = """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING
    UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
""".split()  # noqa: SIM905 - as in danger.py
_SET = Named("builtins.set")

# Left out on purpose, so that a pickle with them is refused: EXT1, EXT2, EXT4 (names from a table of the process) and
# NEXT_BUFFER, READONLY_BUFFER (data from outside the file).
_STEPS: dict[str, _Step] = {
    **dict.fromkeys(_LITERALS, _Machine.push),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _machine, _argument: None),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, key: m.push(m.memo[key])),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Machine.call),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(value=True),
    "NEWFALSE": lambda m, _: m.push(value=False),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_SET": lambda m, _: m.push(Made(_SET, ())),
    "FROZENSET": lambda m, _: m.push(Made(_SET, tuple(m.since_mark()))),
    "LIST": lambda m, _: m.push(m.since_mark()),
    "TUPLE": lambda m, _: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "DICT": _Machine.dictionary,
    "APPEND": lambda m, _: m.extend([m.stack.pop()]),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "ADDITEMS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.store([m.stack.pop(-2), m.stack.pop()]),
    "SETITEMS": lambda m, _: m.store(m.since_mark()),
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": lambda m, _: m.since_mark(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "GLOBAL": lambda m, name: m.name(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.name(m.stack.pop(-2), m.stack.pop()),
    "INST": _Machine.instance,
    "OBJ": _Machine.object_,
    "NEWOBJ_EX": _Machine.call_with_options,
    "BUILD": _Machine.build,
    "PERSID": _Machine.outer,
    "BINPERSID": lambda m, _: m.outer(m.stack.pop()),
}
