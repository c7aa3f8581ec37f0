"""What can be reproduced, by name, in the order of the page; apart from what computes it, which is slow to import."""

from typing import Literal, get_args

Name = Literal[
    "table1",
    "table2",
    "gaps",
    "regression",
    "figure3",
    "figure4",
    "figure5",
    "added",
    "decisions",
    "sweeps",
    "ablation",
    "further",
]
RESULTS: tuple[str, ...] = get_args(Name)
