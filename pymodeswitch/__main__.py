"""`python -m pymodeswitch`: the command. Started as a file (`python -I -S FILE`) it is what udev starts."""

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


def _run_as_file() -> None:
    """As run(), without what takes longer than the switch: the `site` module, and tidying up at the end."""
    global __package__
    __package__ = "pymodeswitch"
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(here))
    home = os.path.dirname(os.path.dirname(sys.executable))
    if sys.flags.no_site and os.path.exists(os.path.join(home, "pyvenv.cfg")):
        sys.prefix = sys.exec_prefix = home  # what `site` would find
    code = run()
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)  # stdout is written by now


if __name__ == "__main__":
    if __package__:
        sys.exit(run())
    _run_as_file()
