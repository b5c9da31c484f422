"""Generators of what is derived from the code; not in the wheel."""
