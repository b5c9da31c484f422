"""`python -m pymodeswitch`: the command."""

import os
import sys


def run() -> int:
    """The command, with Ctrl-C answered while it is still being loaded.

    Called by a link named usb_modeswitch it is the command with that one's options; with `early`, which
    udev starts where it cannot start early/__main__.py itself, it is the sender.
    """
    import gc

    if sys.argv[1:2] == ["early"]:
        from .early import sender

        sender.run(sys.argv[2:])
    gc.disable()  # loading makes no garbage to speak of, and looking for it takes 2 ms
    try:
        from .command.current_folder import leave_current_folder

        leave_current_folder()
        if os.path.basename(sys.argv[0]) == "usb_modeswitch":
            from .usb_modeswitch import front

            return front.main()
        from .command.cli import main

        return main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("pymodeswitch: interrupted\n")
        return 130  # 128 + SIGINT


def command() -> None:
    """The command as a process, which ends here: Python's tidying up takes a sixth of a switch by ID."""
    code = run()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    if not __package__:  # started as a file: a rule and a unit name it by its path
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        from pymodeswitch.__main__ import command
    command()
