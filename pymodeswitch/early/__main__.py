"""What udev starts: `python -I -S .../pymodeswitch/early/__main__.py [--start-judge] PORT`.

A file that is started is compiled at each start; those that it imports are compiled once.
"""

import sys

if not __package__:
    sys.path.insert(0, __file__.rpartition("/early/")[0])
from early import sender  # type: ignore[import-not-found]  # without what else the package loads

sender.run(sys.argv[1:])
