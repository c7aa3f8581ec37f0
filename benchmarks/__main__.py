"""`python -m benchmarks`: all of them."""

from benchmarks import ensemble, larger, measures, sweeps, training, unrolled
from benchmarks.timing import machine, report

report("machine", **machine())
measures.main()
unrolled.main()
larger.main()
training.main()
ensemble.main()
sweeps.main()
