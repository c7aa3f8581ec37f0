"""Results -> pictures and pages; each module is imported by itself, for pictures wait for matplotlib."""
