"""The paper's tables and figures, computed from the published populations, each beside the paper's own numbers."""
