"""What `import epochgraph` brings along, seen from a fresh interpreter."""

import subprocess
import sys

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


def test_importing_the_package_imports_no_optional_one():
    loaded = modules_after("import epochgraph")
    assert not loaded & set(OPTIONAL)
    assert not {name for name in loaded if name.startswith(("epochgraph.integrations", "epochgraph.zoo", "matplotlib"))}


def test_the_public_names_are_there():
    import epochgraph

    fixed = (
        "trace chain rolled_graph unrolled_graph degree eigenvector_centrality signature read_run load_checkpoint "
        "EpochgraphError"
    )
    assert set(fixed.split()) <= set(epochgraph.__all__)
    assert all(hasattr(epochgraph, name) for name in epochgraph.__all__)
