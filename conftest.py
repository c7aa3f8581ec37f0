"""Every Python block of README and docs is run as a test, those of one page one after another."""

from importlib.util import find_spec

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

LIBRARIES = ("lightning", "optuna", "ray", "transformers")
"""Optional ones: where one is missing, there is no example of its integration to run."""

collect_ignore = [f"src/epochgraph/integrations/{name}.py" for name in LIBRARIES if find_spec(name) is None]

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], patterns=["*.md"]).pytest()
