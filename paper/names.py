"""What can be computed, by name, in the order of the page; apart from what computes it, which is slow to import."""

RESULTS = {
    "table1": "The paper's table 1: the populations.",
    "table2": "The paper's table 2: will a run end well, by the weights of its first epochs?",
    "gaps": "Why table 2 is lower than the paper's, where it is.",
    "regression": "How accurately the final accuracy itself is predicted.",
    "figure3": "The paper's figure 3: accuracy of that against the epochs seen.",
    "figure4": "The paper's figure 4: learned from some networks, applied to others.",
    "figure5": "The paper's figure 5: what measuring the graphs costs.",
    "added": "What signatures add to the learning curve.",
    "decisions": "What is stopped, and what should not have been.",
    "sweeps": "What stopping saves, beside the usual rules.",
    "ablation": "Which features of the graphs help, and which carry over to new architectures.",
    "further": "What measures of layers and of whole graphs predict.",
}
"""The name of each result, and what it shows."""
