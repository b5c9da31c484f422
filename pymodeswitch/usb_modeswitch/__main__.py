"""`python -m pymodeswitch.usb_modeswitch`."""

import sys

from .front import main

if __name__ == "__main__":
    sys.exit(main())
