"""`python -m benchmarks`: all of them."""

from benchmarks import measures, training, unrolled
from benchmarks.timing import machine, report

report("machine", **machine())
measures.main()
unrolled.main()
training.main()
