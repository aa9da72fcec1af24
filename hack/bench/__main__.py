"""Lists the benchmarks, or runs one of them.

python -m hack.bench                    one line for each benchmark
python -m hack.bench NAME [OPTION …]    runs one, for example: python -m hack.bench http.faults --cycles 5
python -m hack.bench NAME --help        what it measures, and its options
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from hack.bench.catalogue import summaries


def main(arguments: Sequence[str]) -> int:
    """The exit status: that of the benchmark, which is not 0 where it missed its aim."""
    known = summaries()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        width = max(map(len, known))
        print("\n".join(f"{name:{width}}  {summary}" for name, summary in known.items()))
        return 0
    name, *options = arguments
    if name not in known:
        print(f"no benchmark is named {name}; `python -m hack.bench` lists them", file=sys.stderr)
        return 2
    benchmark = import_module(f"hack.bench.{name}")
    parser = argparse.ArgumentParser(
        prog=f"python -m hack.bench {name}",
        description=benchmark.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return int(benchmark.main(parser, options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
