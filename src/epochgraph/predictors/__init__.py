"""Signatures -> predictions."""
