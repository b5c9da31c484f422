"""Generators of what comes with pymodeswitch; not in the wheel. `python -m tools` runs those for data/."""
