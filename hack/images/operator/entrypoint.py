#!/usr/bin/env python3
import sys

from poolkeeper.cli import main

sys.exit(main())
