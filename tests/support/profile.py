"""How hypothesis runs here. Imported by the tests that use it: the kernel tier's guest need not load it."""

from hypothesis import settings

# No deadline for a single example: a loaded machine is no bug.
settings.register_profile("pymodeswitch", deadline=None)
settings.load_profile("pymodeswitch")
