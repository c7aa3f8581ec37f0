"""The command line: parses, calls, prints."""

from epochgraph.cli.app import main

__all__ = ["main"]
