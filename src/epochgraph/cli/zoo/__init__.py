"""The commands of `epochgraph zoo`, a file each."""
