"""Recipes: those of the package with other lines and other values; what is read says what it would train."""

from importlib.resources import files
from pathlib import Path
from random import Random

from benchmarks.fuzz.form import Kind
from benchmarks.fuzz.mutations import changed_bytes
from epochgraph.zoo.recipe import read_recipe

VALUES = (
    *("0", "1", "-1", "7", "999999999999", "9223372036854775808", "0.5", "-0.0", "1e400", "nan", "inf", "-inf", "true"),
    *('""', '"x"', '"a\\nb"', '"\\u0000"', '"../../x"', '"é"', "[]", "[[]]", "[0]", "[nan]", '["x"]', "{}", "{x = 1}"),
    *("{log = [1e-4, 1.0]}", "{log = [1.0, 1e-4]}", "{log = [0.1]}", "{log = [1e-300, 1e300], zero = 2.0}"),
    *('["digits"]', '["gpt", "cnn"]', '["SGD", "AdamW"]', "[1, 1, 1]", "1979-05-27", "[1, 'x', 2.5]"),
)
"""What may stand on the right of a line."""


def _samples(folder: Path) -> list[bytes]:
    del folder
    return [
        path.read_bytes() for path in files("epochgraph.zoo").joinpath("recipes").iterdir() if path.name[-5:] == ".toml"
    ]


def _mutated(content: bytes, random: Random) -> bytes:
    if random.random() < 0.2:
        return changed_bytes(content, random)
    lines = content.decode().splitlines()
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(lines))
        key = lines[place].partition("=")[0].strip()
        match random.randrange(5):
            case 0:
                lines[place : place + 1] = []
            case 1:
                lines.insert(random.randrange(len(lines) + 1), lines[place])
            case 2:
                lines.insert(place, f"{random.choice(('x', key or 'seed', 'runs'))} = {random.choice(VALUES)}")
            case _ if key:
                lines[place] = f"{key} = {random.choice(VALUES)}"
            case _:
                pass
        lines = lines or [""]
    return "\n".join(lines).encode()


def _use(path: Path) -> None:
    recipe, text = read_recipe(str(path))
    if not text:
        raise ValueError("a recipe without a text")
    for settings in recipe.settings()[:50]:
        settings.name.encode()


KIND = Kind(".toml", _samples, _mutated, _use)
