"""Results for people: the table, the HTML report and its plots, prices.

In: rows of a comparison. Out: text and HTML. May import: every room of the backtest but `command`.
"""
