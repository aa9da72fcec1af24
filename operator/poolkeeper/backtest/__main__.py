"""`python -m poolkeeper.backtest` is `poolkeeper backtest`."""

import argparse
import sys

from poolkeeper.backtest.command import add_arguments, run


def main() -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="poolkeeper backtest", description=run.__doc__)
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
