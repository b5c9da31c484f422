"""Where device files are, and which one is for a device; packs, import, export.

Imports planning and below.
"""
