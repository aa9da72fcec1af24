"""`python -m poolkeeper.backtest` is `poolkeeper backtest`."""

import sys

from poolkeeper.backtest.command import main

if __name__ == "__main__":
    sys.exit(main())
