"""`python -m pymodeswitch.usb_modeswitch`."""

import sys

from ..command.current_folder import leave_current_folder

if __name__ == "__main__":
    leave_current_folder()
    from .front import main

    sys.exit(main())
