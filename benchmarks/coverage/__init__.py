"""What `trace` makes of public model libraries: one row a model, and the page that they make.

    python -m benchmarks.coverage torchvision       # also torch, timm, transformers; goes on where it was stopped
    python -m benchmarks.coverage.page              # the rows of all libraries -> docs/coverage.md

The libraries are no dependencies of the project; `requirements.txt` beside this file says which are meant, and how
they are installed.
"""
