"""Sphinx: pages from Markdown, the API from docstrings."""

from pymodeswitch import __version__
from pymodeswitch.grammar import Option, Verb, verbs

project = "pymodeswitch"
copyright = "2026, the pymodeswitch authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"pymodeswitch {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

# Pages that are man pages, too. Without `today` the day of the build would be in them.
today = f"pymodeswitch {version}"
man_pages = [
    ("command", "pymodeswitch", "switches USB modems and Wi-Fi sticks that show up as a CD-ROM", "", 1),
    ("configuration", "pymodeswitch.conf", "settings of pymodeswitch", "", 5),
]

# What each verb has, and command.md tells once.
COMMON = ("--help", "--json", "--verbose", "--quiet")


def verb_lines(verb: Verb) -> list[str]:
    """A verb, its arguments and its options in Markdown."""
    if verb.actions:
        return [line for action in verb.actions for line in verb_lines(action)]
    places = [f"[{p.name}]" if p.optional else p.name + "..." * p.repeats for p in verb.positionals]
    title = " ".join(["pymodeswitch", verb.name, *places])
    text = verb.text[:1].upper() + verb.text[1:]
    options = [option for option in verb.options if not set(option.flags) & set(COMMON)]
    return ["", f"### {title}", "", f"{text}.", *map(option_text, options)]


def option_text(option: Option) -> str:
    """An option as an entry of a definition list."""
    name = ", ".join(option.flags) + (f" {option.value}" if option.value else "")
    return f"\n`{name}`\n: {option.text[:1].upper()}{option.text[1:]}"


def fill_in_verbs(app: object, page: str, source: list[str]) -> None:
    """The list of verbs and options is that of the parsers."""
    if page == "command":
        lines = [line for verb in verbs() for line in verb_lines(verb)]
        source[0] = source[0].replace("<!-- verbs -->", "\n".join(lines))


def add_filter(app: object, page: str, *context: object) -> None:
    """Only the page of devices has a filter box."""
    if page == "devices":
        app.add_js_file("devices.js")


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", fill_in_verbs)
    app.connect("html-page-context", add_filter)
