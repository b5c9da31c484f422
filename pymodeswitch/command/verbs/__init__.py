"""The verbs of the command, a module each: `arguments` declares its options, `run` returns the exit code.

Only the verb that was asked for is loaded, so what udev starts does not pay for the others.
"""
