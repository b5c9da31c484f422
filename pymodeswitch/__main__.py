"""`python -m pymodeswitch`: what udev starts."""

import sys


def run() -> int:
    """The command, with Ctrl-C answered while it is still being loaded."""
    try:
        from .cli import main

        return main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("pymodeswitch: interrupted\n")
        return 130  # 128 + SIGINT


if __name__ == "__main__":
    sys.exit(run())
