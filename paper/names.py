"""The results by name, in the order of the page; separate from the code that computes them, which is slow to import."""

RESULTS = {
    "table1": "The paper's table 1: the populations.",
    "table2": "The paper's table 2: will a run end well, by the weights of its first epochs?",
    "gaps": "Why some of table 2 is lower than the paper's.",
    "regression": "How accurately the final accuracy itself is predicted.",
    "figure3": "The paper's figure 3: accuracy against the epochs seen.",
    "figure4": "The paper's figure 4: learned from some networks, applied to others.",
    "figure5": "The paper's figure 5: what measuring the graphs costs.",
    "added": "What signatures add to the learning curve.",
    "decisions": "Which runs are stopped, and which should not have been.",
    "sweeps": "What stopping saves, compared with the common rules.",
    "ablation": "Which features of the graphs help, and which carry over to new architectures.",
    "further": "What measures of layers and of whole graphs predict.",
}
"""The name of each result, and what it shows."""
