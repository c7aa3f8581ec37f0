import subprocess
import sys

import pytest
import torch

from epochgraph.graph import rolled_graph

TENSORS = {"conv.weight": torch.tensor([[3.0], [4.0]])[..., None, None], "conv.bias": torch.tensor([0.5, 0.25])}


def test_edges_weights_and_biases_arrive():
    pytest.importorskip("torch_geometric", reason="torch-geometric is not installed")
    from epochgraph.integrations.pyg import to_pyg

    data = to_pyg(rolled_graph(TENSORS, features=["bias"]))
    edges = {(a, b): w for (a, b), w in zip(data.edge_index.T.tolist(), data.edge_attr[:, 0].tolist(), strict=True)}
    assert edges == {(0, 1): 3.0, (1, 0): 3.0, (0, 2): 4.0, (2, 0): 4.0}
    assert data.x[:, 0].tolist() == [0.0, 0.5, 0.25]
    assert data.part.tolist() == [0, 1, 1]
    assert data.validate()


def test_without_the_package_the_error_says_what_to_install():
    code = "import sys; sys.modules['torch_geometric'] = None; import epochgraph.integrations.pyg"
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'epochgraph[pyg]'" in result.stderr
