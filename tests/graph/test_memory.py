import torch
from safetensors.torch import save_file

from epochgraph.checkpoints import load_checkpoint
from epochgraph.graph import memory
from epochgraph.graph.memory import usable_memory


def test_weights_of_64_bits_take_eight_bytes(tmp_path, monkeypatch):
    """Of 1000 weights, 5600 bytes hold those of 32 bits, and those of 16 as 32, but not those of 64."""
    monkeypatch.setattr(memory, "free_memory", lambda: 2 * 5600)
    usable = {}
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        for path, save in ((tmp_path / "a.safetensors", save_file), (tmp_path / "a.pt", torch.save)):
            save({"fc.weight": torch.ones(100, 10, dtype=dtype)}, path)
            usable[dtype, path.suffix] = usable_memory(None, load_checkpoint(path))
    assert {key: value for key, value in usable.items() if value is not None} == {
        (torch.float64, ".safetensors"): 5600,
        (torch.float64, ".pt"): 5600,
    }
    assert usable_memory(None, load_checkpoint(path), graphs=0) is None
    assert usable_memory("2 kB", load_checkpoint(path)) == 2000
