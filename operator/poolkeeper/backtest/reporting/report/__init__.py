"""The report: one HTML file with a verdict, tables and plots for each trace.

`report` puts the page together, `sections` says what there is of one trace. In: a comparison and its results.
Out: text. May import: the rooms of `reporting` and what these may import.
"""
