"""``python -m kryptonlib``."""

import sys

from kryptonlib.cli import main

sys.exit(main())
