"""One outside library a file; each is imported only by who uses it."""
