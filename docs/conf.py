"""Sphinx: pages from Markdown, the API from docstrings."""

from pymodeswitch import __version__

project = "pymodeswitch"
copyright = "2026, the pymodeswitch authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"pymodeswitch {__version__}"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
myst_heading_anchors = 3
