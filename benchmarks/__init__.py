"""Speed, as ratios measured side by side in one run; each benchmark prints JSON lines."""
