"""`python -m poolkeeper`."""

import sys

from poolkeeper.cli import main

sys.exit(main())
