"""`python -m poolkeeper.backtest` is `poolkeeper backtest`."""

import sys

if __name__ == "__main__":
    try:
        from poolkeeper.backtest.command import main
    except ModuleNotFoundError as error:
        sys.exit(f"poolkeeper backtest needs {error.name}: pip install 'poolkeeper[backtest]'")
    sys.exit(main())
