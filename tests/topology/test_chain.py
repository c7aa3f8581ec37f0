from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import TracingError, WeightDtypeError
from epochgraph.topology import chain, trace

PLAIN = nn.Sequential(
    nn.Conv2d(3, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=6), nn.Flatten(), nn.Linear(24, 4)
)  # fmt: skip


def test_a_chain_of_a_model_is_its_trace():
    traced, chained = trace(PLAIN, torch.zeros(1, 3, 8, 8)), chain(PLAIN)
    assert (chained.parts, chained.joins, chained.folds) == (traced.parts, traced.joins, traced.folds)
    assert chained.coverage == traced.coverage


def test_parameters_alone_tell_the_same_chain():
    chained = chain(PLAIN.state_dict())
    assert (chained.parts, chained.joins, chained.folds) == (
        chain(PLAIN).parts,
        chain(PLAIN).joins,
        chain(PLAIN).folds,
    )
    assert chained.coverage.share == 1.0


def test_a_layer_that_does_not_fit_is_left_out_and_the_chain_goes_on():
    tensors = {
        "a.weight": torch.zeros(4, 3),
        "shortcut.weight": torch.zeros(4, 3),
        "b.weight": torch.zeros(2, 4),
    }
    chained = chain(tensors)
    assert [part.name for part in chained.parts] == ["input", "a", "b"]
    (entry,) = chained.coverage.left_out
    assert entry.name == "shortcut.weight"
    assert entry.reason == "it reads 3 channels, but 'a' before it has 4: trace the model"
    assert chained.coverage.share == pytest.approx(20 / 32)


def test_a_weight_without_values_is_left_out():
    chained = chain({"none.weight": torch.zeros(0, 3), "a.weight": torch.zeros(4, 3), "b.weight": torch.zeros(4, 0)})
    assert [part.name for part in chained.parts] == ["input", "a"]
    assert [(entry.name, entry.reason) for entry in chained.coverage.left_out] == [
        ("none.weight", "it has no values"),
        ("b.weight", "it has no values"),
    ]


def test_grouping_that_only_the_code_knows_is_not_guessed():
    tensors = {"a.weight": torch.zeros(8, 3, 1, 1), "b.weight": torch.zeros(8, 4, 1, 1)}
    assert [entry.name for entry in chain(tensors).coverage.left_out] == ["b.weight"]


def test_a_transposed_convolution_is_left_out():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ConvTranspose2d(4, 4, 2), nn.Conv2d(4, 1, 1))
    assert [entry.name for entry in chain(model).coverage.left_out] == ["1.weight", "1.bias"]


def test_without_a_weight_there_is_no_chain():
    with pytest.raises(TracingError, match="none of the 1 tensors"):
        chain({"bias": torch.zeros(3)})


def test_quantised_weights_are_refused():
    with pytest.raises(WeightDtypeError, match=r"'a.weight' holds torch.int8"):
        chain({"a.weight": torch.zeros(4, 3, dtype=torch.int8)})


def test_names_in_alphabetical_order_are_wired_in_the_only_order_that_fits():
    model = nn.Sequential()
    model.add_module("features", nn.Sequential(nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)))
    model.add_module("classifier", nn.Sequential(nn.Linear(16 * 25, 120), nn.Linear(120, 10)))
    tensors = dict(sorted(model.state_dict().items()))
    assert next(iter(tensors)).startswith("classifier")
    topology = chain(tensors)
    assert topology.sizes == (3, 6, 16, 120, 10)
    assert topology.coverage.share == 1.0


def test_an_order_that_is_not_the_only_one_is_not_guessed():
    tensors = {f"{name}.weight": torch.ones(4, 4) for name in "ab"} | {"c.weight": torch.ones(2, 3)}
    assert [entry.name for entry in chain(tensors).coverage.left_out] == ["c.weight"]


class Counted(Mapping):
    """Tensors that count how often each of them is read."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.tensors = tensors
        self.reads = Counter()

    def __getitem__(self, name: str) -> torch.Tensor:
        self.reads[name] += 1
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors


SHUFFLED = {
    "a.weight": torch.ones(2, 5),
    "b.weight": torch.ones(4, 3),
    "b.running_mean": torch.ones(4),
    "c.weight": torch.ones(5, 4),
    "c.bias": torch.ones(5),
}


@pytest.mark.usefixtures("unchecked")  # the check of the types would read tensors, too
def test_each_tensor_is_read_once_however_many_orders_are_tried():
    source = Counted(SHUFFLED)
    assert chain(source).sizes == (3, 4, 5, 2)
    assert source.reads == dict.fromkeys(SHUFFLED, 1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_no_tensor_of_a_checkpoint_is_read(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    (torch.save if suffix == ".pt" else save_file)(SHUFFLED, path)
    checkpoint = load_checkpoint(path)
    path.unlink()
    assert chain(checkpoint) == chain({name: SHUFFLED[name] for name in checkpoint})


def test_tensors_that_are_no_floating_point_numbers_are_read_for_their_dtype(tmp_path):
    tensors = SHUFFLED | {"b.num_batches_tracked": torch.tensor(1)}
    save_file(tensors, tmp_path / "w.safetensors")
    checkpoint = load_checkpoint(tmp_path / "w.safetensors")
    assert chain(checkpoint) == chain({name: tensors[name] for name in checkpoint})
