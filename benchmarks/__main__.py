"""`python -m benchmarks`: all of them."""

from benchmarks import ensemble, measures, training, unrolled
from benchmarks.timing import machine, report

report("machine", **machine())
measures.main()
unrolled.main()
training.main()
ensemble.main()
