"""`python -m pymodeswitch`: what udev starts."""

import os
import sys


def run() -> int:
    """The command, with Ctrl-C answered while it is still being loaded.

    Called by a link named usb_modeswitch it is the command with that one's options.
    """
    try:
        if os.path.basename(sys.argv[0]) == "usb_modeswitch":
            from .usb_modeswitch import front

            return front.main()
        from .cli import main

        return main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("pymodeswitch: interrupted\n")
        return 130  # 128 + SIGINT


if __name__ == "__main__":
    sys.exit(run())
