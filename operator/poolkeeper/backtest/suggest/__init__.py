"""What to declare so that a promise is kept on a trace: `poolkeeper backtest --suggest`.

`changes` lists what may be declared otherwise, `search` replays each of them through Poolkeeper's decisions.
In: a comparison. Out: what each change would cost, and whether it keeps the promise. May import:
`backtest.comparison` and what is below it.
"""
