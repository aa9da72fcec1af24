"""Plots as SVG, drawn by matplotlib: no script, no font and nothing to load.

`palette` has the colours, which follow the reader's light or dark mode. In: numbers and labels. Out: text.
May import: nothing else of the backtest.
"""
