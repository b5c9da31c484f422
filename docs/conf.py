"""Sphinx: pages from Markdown, the API from docstrings."""

import inspect
import re

from docutils import nodes
from pygments.lexers import TextLexer

from pymodeswitch import __version__
from tools.command_line import CommandOption, Verb, verbs

project = "pymodeswitch"
copyright = "2026, the pymodeswitch authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
pygments_style, pygments_dark_style = "default", "github-dark"  # furo's own has no colour for a prompt
html_theme = "furo"
html_title = f"pymodeswitch {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True  # as they are written: a lambda is no address in memory
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


def option_text(option: CommandOption) -> str:
    """An option as an entry of a definition list."""
    name = ", ".join(option.flags) + (f" {option.value}" if option.value else "")
    return f"\n`{name}`\n: {option.text[:1].upper()}{option.text[1:]}"


def fill_in_verbs(app: object, page: str, source: list[str]) -> None:
    """The list of verbs and options is that of the parsers."""
    if page == "command":
        lines = [line for verb in verbs() for line in verb_lines(verb)]
        source[0] = source[0].replace("<!-- verbs -->", "\n".join(lines))


def list_parameters(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """A paragraph of a docstring that says `one, other: ... third: ...` of its parameters is a list."""
    if what in ("function", "method"):
        names = set(inspect.signature(obj).parameters)
    else:
        names = set(getattr(obj, "__annotations__", ()))
    paragraphs = "\n".join(lines).split("\n\n")
    lines[:] = "\n\n".join(as_list(paragraph, names) for paragraph in paragraphs).split("\n")


def as_list(paragraph: str, names: set[str]) -> str:
    """The paragraph, with a line for each part that begins with some of the names and a colon."""
    text = " ".join(paragraph.split())
    starts = [
        found
        for found in re.finditer(r"(?:^|(?<=[.)] ))((?:\w+, )*\w+): ", text)
        if names.issuperset(found[1].split(", "))
    ]
    if not starts or starts[0].start() > 0:
        return paragraph
    ends = [found.start() for found in starts[1:]] + [len(text)]
    return "\n".join(
        f"* {', '.join(f'``{word}``' for word in found[1].split(', '))}: {text[found.end() : end].strip()}"
        for found, end in zip(starts, ends, strict=True)
    )


def highlight_sessions(app: object, doctree: nodes.document) -> None:
    """Indented code of Markdown names no language: where it shows a prompt, it is a session."""
    for block in doctree.findall(nodes.literal_block):
        if block.get("language") == "none" and re.search(r"(?m)^[$#] ", block.astext()):
            block["language"] = "console"


def add_filter(app: object, page: str, *context: object) -> None:
    """Only the page of devices has a filter box."""
    if page == "devices":
        app.add_js_file("devices.js")


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.add_lexer("mermaid", TextLexer)  # drawn where the page is read as Markdown; text on the site
    app.connect("source-read", fill_in_verbs)
    app.connect("html-page-context", add_filter)
    app.connect("doctree-read", highlight_sessions)
    app.connect("autodoc-process-docstring", list_parameters)
