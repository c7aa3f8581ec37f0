"""The run-time type checker of the tests."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # as for static checkers, an int will do for a float
