"""The measures: each prints one line and appends it to ``<SIYU_HOME>/bench.jsonl``.

Ratios of two things timed in turn in one process tree, medians of at least three; absolute times on a shared machine
mean little.
"""
