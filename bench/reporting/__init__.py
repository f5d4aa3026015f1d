"""bench/report's parts: the bars, running coretrack_bench, the table, the plot. Python's standard library only."""
