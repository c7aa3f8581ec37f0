"""The block that all transformers here consist of, with norms first.

References:
    Vaswani et al.: Attention is all you need, NeurIPS 2017, section 3.2.
    Xiong et al.: On layer normalization in the transformer architecture, ICML 2020 (norms first).
"""

from torch import Tensor, nn
from torch.nn import functional

from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.layers import Added, hidden
from epochgraph.zoo.architectures.norms import last_norm

HEAD = 16
"""Dimensions of a head, or a little more where the width is no multiple."""


class SelfAttention(nn.Module):
    """Every position reads all positions, or those up to its own, through several heads.

    Args:
        width: Dimensions of a position.
        dropout: Probability that a value of the output is dropped, in [0, 1).
        causal: Whether a position reads only those up to its own.
    """

    def __init__(self, width: int, *, dropout: float, causal: bool) -> None:
        super().__init__()
        self.heads = heads(width)
        self.causal = causal
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Read (examples, places, width), and give the same shape."""
        split = self.query_key_value(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        read = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        written: Tensor = self.dropout(self.output(read.transpose(1, 2).flatten(2)))
        return written


def heads(width: int) -> int:
    """Number of heads: the most that divide the width and have at least 16 dimensions each, or one."""
    return next(count for count in range(max(1, width // HEAD), 0, -1) if width % count == 0)


def transformer_blocks(choices: Choices, *, growth: int = 4, causal: bool = False) -> nn.Sequential:
    """`depth` pairs of an attention and two linear layers with `growth` times the width between them; a norm ends."""
    width, norm = choices.width, choices.norm
    layers: list[nn.Module] = []
    for _ in range(choices.depth):
        attention = SelfAttention(width, dropout=choices.dropout, causal=causal)
        layers.append(Added(last_norm(norm, width), attention))
        layers.append(Added(last_norm(norm, width), hidden(width, growth * width, width, choices)))
    return nn.Sequential(*layers, last_norm(norm, width))
