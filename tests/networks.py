"""Small networks of many kinds, and what each is called with, for the contracts of tracing."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Example = Callable[[int, int], tuple[Any, ...]]
"""What a network is called with, for a size of the batch and a length."""

SEEN: dict[str, Tensor] = {}
"""A place of the module that a hook writes to."""


class Lazy(dict[str, Any]):
    """A dictionary that loads what it holds when it is asked, as those of large libraries do."""

    def items(self) -> Any:
        raise RuntimeError("its code was run")

    values = keys = __iter__ = items


LAZY = Lazy(first=torch.zeros(2))


@functools.lru_cache
def table(count: int) -> Tensor:
    return torch.arange(float(count)).cos()


def sequences(batch: int, length: int) -> tuple[Any, ...]:
    return (torch.rand(batch, length, 6),)


def images(batch: int, length: int) -> tuple[Any, ...]:
    return (torch.rand(batch, 3, length + 4, length + 4),)


def tokens(batch: int, length: int) -> tuple[Any, ...]:
    return (torch.arange(batch * length).reshape(batch, length) % 11,)


class Called(nn.Module):
    """Layers by name, and a forward pass given as a function of them."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.called = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs: Any) -> Any:
        return self.called(self, *inputs)


def plain() -> nn.Module:
    return Called(lambda m, x: m.b(m.a(x).relu()), a=nn.Linear(6, 8), b=nn.Linear(8, 3))


def transposed() -> nn.Module:
    return Called(lambda m, x: m.b(m.a(x.transpose(0, 1)).transpose(0, 1)), a=nn.Linear(6, 8), b=nn.Linear(8, 3))


def frozen() -> nn.Module:
    return transposed().requires_grad_(requires_grad=False)


def called_again() -> nn.Module:
    return Called(lambda m, x: m.b(m.a(m.a(x).tanh()).tanh()), a=nn.Linear(6, 6), b=nn.Linear(6, 3))


def matrix_of_a_batch() -> nn.Module:
    return Called(lambda m, x: m.b(x @ m.w[None]), w=nn.Parameter(torch.rand(6, 8)), b=nn.Linear(8, 3))


def matrix_for_each_of_a_batch() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        return m.b(torch.bmm(x, m.w.expand(x.shape[0], -1, -1)))

    return Called(forward, w=nn.Parameter(torch.rand(6, 8)), b=nn.Linear(8, 3))


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return Called(lambda m, x: m.c(m.t(m.a(x)).mean(1)), a=nn.Linear(6, 8), t=layer, c=nn.Linear(8, 3))


def recurrent() -> nn.Module:
    layer = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
    return Called(lambda m, x: m.c(m.r(x)[0]), r=layer, c=nn.Linear(10, 3))


def convolutional() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.norm(m.a(x)).relu()
        return m.c(m.b(functional.pad(x, (1, 1, 1, 1), mode="circular")).mean((2, 3)))

    layers = {"a": nn.Conv2d(3, 8, 3), "norm": nn.BatchNorm2d(8), "b": nn.Conv2d(8, 8, 3, groups=4)}
    return Called(forward, **layers, c=nn.Linear(8, 3))


def written_to() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.a(x)
        first, _ = y.chunk(2, 2)
        first += m.b(x)
        y.swapdims(0, 1)[..., 4:].mul_(2)
        return m.c(y)

    network = Called(forward, a=nn.Linear(6, 8), b=nn.Linear(6, 4), c=nn.Linear(8, 3))
    return network.requires_grad_(requires_grad=False)  # autograd does not take such writes


def embedded() -> nn.Module:
    def forward(m: Any, ids: Tensor) -> Tensor:
        return m.c(m.e(ids) + m.p(torch.arange(ids.shape[1])))

    return Called(forward, e=nn.Embedding(11, 6), p=nn.Embedding(16, 6), c=nn.Linear(6, 3))


def padded(*, packed: bool = False) -> nn.Module:
    def forward(m: Any, ids: Tensor) -> Tensor:
        read: Any = m.e(ids)
        lengths = torch.arange(len(ids)) % 3 + 2
        if packed:
            read = nn.utils.rnn.pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
        given = m.r(read)[0]
        return m.c(nn.utils.rnn.pad_packed_sequence(given, batch_first=True)[0] if packed else given)

    layers = {"e": nn.Embedding(11, 6, max_norm=1.0), "r": nn.LSTM(6, 5, batch_first=True, bidirectional=True)}
    return Called(forward, **layers, c=nn.Linear(10, 3))


def begun_with_zeros() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 5)
        for moment in x.unbind(1):
            state = m.r(moment, state)
        return m.c(state)

    return Called(forward, r=nn.GRUCell(6, 5), c=nn.Linear(5, 3))


def masked() -> nn.Module:
    def forward(m: Any, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return m.c(m.t(m.e(ids), src_key_padding_mask=mask).mean(1))

    layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
    return Called(forward, e=nn.Embedding(11, 6), t=layer, c=nn.Linear(6, 3))


def mapped() -> nn.Module:
    return Called(
        lambda m, x: m.b(torch.vmap(m.a)(x) + torch.vmap(torch.mul)(x, x).sum()), a=nn.Linear(6, 6), b=nn.Linear(6, 3)
    )


def tokens_and_mask(batch: int, length: int) -> tuple[Any, ...]:
    return (*tokens(batch, length), torch.zeros(batch, length, dtype=torch.bool))


class Remembering(nn.Module):
    """A network that keeps whatever it can in whatever place."""

    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 8)
        self.head = nn.Sequential(self.body, nn.ReLU())  # one module under two names
        self.e = nn.Embedding(11, 8, max_norm=0.1)
        self.drop = nn.Dropout()
        self.c = nn.Linear(8, 3)
        self.cos: Tensor | None = None
        self.cache: dict[str, Any] = {"seen": []}
        self.register_buffer("count", torch.zeros(()))
        self.generator = torch.Generator()
        seen: list[Tensor] = []
        self.seen = seen
        self.c.register_forward_hook(lambda *given: seen.append(given[2]))
        self.c.register_forward_hook(keep)

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2)
        self.count += 1
        if self.cos is None:
            self.cos = torch.arange(8.0).cos()
        if not hasattr(self, "position"):
            self.register_buffer("position", torch.arange(8.0), persistent=False)
            self.more = nn.Identity()
        y = self.head(x) * self.cos * table(8) + self.position + self.e(torch.arange(x.shape[1]))
        self.cache["seen"].append(y)
        self.cache["last"] = y
        y = y + torch.rand(8) + torch.rand(8, generator=self.generator)
        return self.c(self.drop(y))


def keep(_module: nn.Module, _inputs: Any, result: Tensor) -> None:
    SEEN["last"] = result


class Failing(Remembering):
    """The same, with an error at the end."""

    def forward(self, x: Tensor) -> Tensor:
        super().forward(x)
        raise RuntimeError("it went wrong")


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Example]] = {
    "plain": (plain, sequences),
    "transposed": (transposed, sequences),
    "frozen": (frozen, sequences),
    "called again": (called_again, sequences),
    "a matrix of a batch": (matrix_of_a_batch, sequences),
    "a matrix for each of a batch": (matrix_for_each_of_a_batch, sequences),
    "transformer": (transformer, sequences),
    "recurrent": (recurrent, sequences),
    "convolutional": (convolutional, images),
    "written to": (written_to, sequences),
    "embedded": (embedded, tokens),
    "padded": (padded, tokens),
    "begun with zeros": (begun_with_zeros, sequences),
    "masked": (masked, tokens_and_mask),
    "mapped": (mapped, sequences),
}
"""By name: how it is built, and an example of a batch size and length."""

TROUBLESOME: dict[str, tuple[Callable[[], nn.Module], Example]] = {
    "remembering": (Remembering, sequences),
    "failing": (Failing, sequences),
}
"""Networks that change what they can, and have no wiring worth a look."""
