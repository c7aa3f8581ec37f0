"""What a file seems to be that is no checkpoint."""

_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")


def described(head: bytes) -> str | None:
    """Say what a file seems to be, from its first bytes, so that the user sees where it went wrong; None if unknown."""
    if head.lstrip().lower().startswith(_HTML):
        return "it is a web page, not a checkpoint (a failed download?)"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the checkpoint itself (`git lfs pull` fetches that)"
    text = head.decode("utf-8", "ignore")
    whole = len(text.encode()) >= len(head) - 3  # the last character may be cut in two
    if whole and all(c.isprintable() or c.isspace() for c in text):
        return "it is a text file, not a checkpoint"
    return None
