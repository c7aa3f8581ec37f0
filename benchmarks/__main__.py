"""`python -m benchmarks`: all of them."""

from benchmarks import ensemble, larger, measures, sweeps, training, unrolled, watching
from benchmarks.timing import machine, report

report("machine", **machine())
measures.main()
unrolled.main()
larger.main()
training.main()
ensemble.main()
sweeps.main()
watching.main()
