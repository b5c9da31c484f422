"""`python -m pymodeswitch`: the command. Started as a file (`python -I -S FILE`) it is what udev starts."""

import os
import sys


def run() -> int:
    """The command, with Ctrl-C answered while it is still being loaded.

    Called by a link named usb_modeswitch it is the command with that one's options.
    """
    import gc

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


def _run_as_file() -> None:
    """See start.py, which is in the bundle too."""
    import gc
    from marshal import loads

    gc.disable()
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(here))
    try:
        with open(f"{here}/__pycache__/start.{sys.implementation.cache_tag}.bundle", "rb") as file:
            version, start, entries = loads(file.read())
        if version == sys.version:
            module = type(sys)("pymodeswitch.start")
            exec(loads(start), vars(module))
            module.load(entries)
    except (OSError, ValueError, EOFError, TypeError):  # there is none, or it is not ours, or cut off
        pass
    from .start import run_as_file

    run_as_file()


if __name__ == "__main__":
    if __package__:
        sys.exit(run())
    _run_as_file()
