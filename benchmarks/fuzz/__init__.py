"""Files from strangers, made by changing good ones: each ends in a result or in one clear line, and nothing else.

    python -m benchmarks.fuzz --kind topology --inputs 10000 --seed 0

Each kind of file is one module of this package with a `KIND`; a new one is such a module, and a line in `kinds.py`.
Inputs are tried in a process of their own, as what goes wrong may be a crash or an endless loop. What is found is kept
in `out/fuzz`, to become a test under `tests/hostile`.
"""
