"""Changes of documents and bytes that are likely to be believed: wrong in one place, right in all others."""

import copy
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, -1, -2, 7, 1000, 2**31 - 1, 2**31, 2**32, 10**12, 2**63 - 1, 2**63, -(2**63)),
    *(10**30, 0.0, -0.0, 0.5, -1.5, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", " ", "x", "\ud800", "a\nb", "\x00", "x" * 5000, "0", "nan", "é", "__class__", "../../x"),
    *([], {}, [[]], [None], [0], [-1], [1, 2, 3], [[[[[]]]]], {"ref": "x"}, {"x": 1}),
)
"""What may stand in the place of anything."""

Place = tuple[Any, Any]
"""A dictionary or list, and a key of it."""


def changed_document(document: Any, random: Random, words: Sequence[str] = ()) -> Any:
    """A JSON document with one to four changes.

    Args:
        document: The good one.
        random: What to draw from.
        words: Texts that mean something in such a document.
    """
    changed = copy.deepcopy(document)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        places = list(_places(changed))
        if places:
            _change(random.choice(places), places, random, words)
    return changed


def changed_bytes(content: bytes, random: Random) -> bytes:
    """Bytes with some of them changed, cut out, or repeated."""
    found = bytearray(content)
    for _ in range(random.randint(1, 8)):
        if found:
            found[random.randrange(len(found))] = random.randrange(256)
    start, end = sorted(random.randrange(len(found) + 1) for _ in range(2))
    match random.randrange(6):
        case 0:
            del found[start:end]
        case 1:
            found = found[:start]
        case 2:
            found[start:start] = found[start : min(end, start + 64)]
    return bytes(found)


def changed_number(value: Any, random: Random) -> Any:
    """A number near to another one, or far from it."""
    return random.choice((value + 1, value - 1, -value, value * 2, value * 10**6, 0, value + 0.5))


def _places(document: Any) -> Iterator[Place]:
    """Every place of a document that has a value."""
    waiting = [document]
    while waiting:
        current = waiting.pop()
        keys = current.keys() if isinstance(current, dict) else range(len(current)) if isinstance(current, list) else ()
        for key in list(keys):
            yield current, key
            waiting.append(current[key])


def _is_there(place: Place) -> bool:
    """Whether a place has not been taken away since."""
    holder, key = place
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _change(place: Place, places: Sequence[Place], random: Random, words: Sequence[str]) -> None:
    """Change the value at one place, or take it away."""
    if not _is_there(place):
        return
    holder, key = place
    value = holder[key]
    match random.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        case 2:
            other = random.choice(places)
            holder[key] = copy.deepcopy(other[0][other[1]]) if _is_there(other) else None
        case 3 if isinstance(holder, dict):
            holder[random.choice(("x", "\ud800", *holder))] = holder.pop(key)
        case 4 | 5 if words and isinstance(value, str):
            holder[key] = random.choice(words)
        case 4 | 5 | 6 if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = changed_number(value, random)
        case _:
            holder[key] = copy.deepcopy(random.choice(STRANGE))
