"""What `import epochgraph` brings along, seen from a fresh interpreter, and what its public names come with."""

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import epochgraph

OPTIONAL = (
    "torch_geometric",
    "igraph",
    "lightning",
    "transformers",
    "optuna",
    "ray",
    "torchvision",
    "timm",
    "sentencepiece",
)


def modules_after(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("statement", ["import epochgraph", "from epochgraph import *"])
def test_importing_the_package_imports_no_optional_one(statement: str):
    loaded = modules_after(statement)
    assert not loaded & set(OPTIONAL)
    assert not {name for name in loaded if name.startswith(("epochgraph.integrations", "epochgraph.zoo", "matplotlib"))}


def test_neither_the_package_nor_its_help_waits_for_torch():
    assert not modules_after("import epochgraph") & {"torch", "numpy", "numba", "pandas", "scipy"}
    command = "from typer.testing import CliRunner; from epochgraph.cli.app import app"
    for arguments in (["--help"], ["--version"], ["extract", "--help"], ["zoo", "train", "--help"]):
        loaded = modules_after(f"{command}; assert CliRunner().invoke(app, {arguments}).exit_code == 0")
        assert not loaded & {"torch", "numpy", "numba", "pandas", "scipy"}


@pytest.mark.parametrize("first", ["epochgraph.signature", "epochgraph.signature.settings", "epochgraph.monitor"])
def test_no_module_hides_the_function_of_its_name(first: str):
    """The import of `epochgraph.signature` sets that attribute of the package."""
    seen = "assert epochgraph.signature is sys.modules['epochgraph.signature'].signature"
    modules_after(f"import sys, {first}; {seen}; from epochgraph import signature; assert callable(signature)")


def test_what_is_no_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'epochgraph' has no attribute 'signatures'"):
        epochgraph.signatures  # noqa: B018
    assert set(epochgraph.__all__) <= set(dir(epochgraph))


def test_each_public_name_is_what_type_checkers_take_it_for():
    """They read the imports under `TYPE_CHECKING`; the program, the table of names."""
    tree = ast.parse(Path(epochgraph.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "types"]
    for node in imports:
        for alias in node.names:
            if alias.name != "TYPE_CHECKING":
                module = importlib.import_module(node.module)
                assert getattr(epochgraph, alias.name) is getattr(module, alias.name)
    assert set(epochgraph.__all__) == {alias.name for node in imports for alias in node.names} - {"TYPE_CHECKING"}


@pytest.mark.parametrize("name", epochgraph.__all__)
def test_each_public_name_has_an_example_that_is_run(name: str):
    """`--doctest-modules` runs them; none may be skipped."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(getattr(epochgraph, name)))
    assert examples
    assert not any(doctest.SKIP in example.options for example in examples)


def test_the_public_names_are_there():
    fixed = (
        "trace chain rolled_graph unrolled_graph degree eigenvector_centrality signature read_run load_checkpoint "
        "EpochgraphError"
    )
    assert set(fixed.split()) <= set(epochgraph.__all__)
    assert all(hasattr(epochgraph, name) for name in epochgraph.__all__)


def test_the_version_is_written_once():
    root = Path(__file__).parent.parent
    assert 'dynamic = ["version"]' in (root / "pyproject.toml").read_text()
    assert f"## [{epochgraph.__version__}]" in (root / "CHANGELOG.md").read_text()
    assert f"\nversion: {epochgraph.__version__}\n" in (root / "CITATION.cff").read_text()
    assert re.fullmatch(r"\d+\.\d+\.\d+", epochgraph.__version__)


def test_the_lowest_versions_that_are_tested_are_the_lowest_that_are_allowed():
    root = Path(__file__).parent.parent
    allowed = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    tested = (root / "constraints-lowest.txt").read_text().splitlines()
    assert [line for line in tested if not line.startswith("#")] == [bound.replace(">=", "==") for bound in allowed]
