"""The command line, one module per command: flags in, exit status out.

`poolkeeper backtest` has its command in `backtest`, which is installed separately. May import: every other
room but `backtest`.
"""
