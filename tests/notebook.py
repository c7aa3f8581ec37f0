"""Runs the cells of a notebook one after another, and prints their values as a notebook shows them."""

import ast
import json
import sys
from pathlib import Path

import matplotlib


def run(path: Path) -> None:
    scope: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] == "code":
            _run_cell("".join(cell["source"]), f"{path.name}, cell {number}", scope)


def _run_cell(source: str, name: str, scope: dict[str, object]) -> None:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), scope)  # noqa: S102 - the repository's own notebook
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), scope)  # noqa: S307 - likewise
        if value is not None:
            print(value._repr_html_() if hasattr(value, "_repr_html_") else value)  # noqa: T201


if __name__ == "__main__":
    matplotlib.use("agg")
    run(Path(sys.argv[1]))
