"""One outside library per file; each is imported only when it is used."""
