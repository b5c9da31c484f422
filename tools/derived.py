"""Writes what is generated and comes with pymodeswitch: `python -m tools.derived`.

pymodeswitch/system/files/ is laid out as it will be below /usr: rules and units with the command that a package
has, man pages from docs/ by Sphinx, completions from the command's grammar. A test compares.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.modem.port_link import modem_ids
from pymodeswitch.system.installation import (
    LINK_RULES,
    LINK_SCRIPT,
    PACKAGE_COMMAND,
    PACKAGE_PREFIX,
    RULES,
    shipped_system_folder,
)
from pymodeswitch.system.link_rules import link_rules
from pymodeswitch.system.udev_rules import rules
from pymodeswitch.system.units import JUDGE_UNIT, PATH_UNIT, judge_unit, path_unit
from tools import __main__ as tools
from tools import completions, metainfo
from tools.command_line import verbs
from tools.project import ROOT


def generated() -> dict[str, str]:
    """Text by path, all but the man pages."""
    catalog = Catalog((shipped_folder(),))
    ids, vendors = catalog.initial_ids(), catalog.fallback_vendors()
    grammar, known = verbs(), [str(usb_id) for usb_id in ids]
    return {
        f"lib/udev/rules.d/{RULES}": rules(ids, PACKAGE_COMMAND, whole_vendors=vendors),
        f"lib/udev/rules.d/{LINK_RULES}": link_rules(
            modem_ids(catalog.entries()), PACKAGE_COMMAND, f"{PACKAGE_PREFIX}/lib/udev/{LINK_SCRIPT}"
        ),
        f"lib/systemd/system/{JUDGE_UNIT}": judge_unit(PACKAGE_COMMAND),
        f"lib/systemd/system/{PATH_UNIT}": path_unit(),
        "share/bash-completion/completions/pymodeswitch": completions.bash(grammar, known),
        "share/zsh/site-functions/_pymodeswitch": completions.zsh(grammar, known),
        "share/fish/vendor_completions.d/pymodeswitch.fish": completions.fish(grammar, known),
        **metainfo.generated(ids),
    }


def man_pages() -> dict[str, str]:
    """The man pages by path, made of the pages in docs/."""
    with tempfile.TemporaryDirectory() as out:
        words = ("-m", "sphinx", "-q", "-W", "-b", "man", "-d", f"{out}/doctrees", str(ROOT / "docs"), out)
        subprocess.run([sys.executable, *words], check=True, cwd=ROOT, timeout=300)
        pages = sorted(Path(out).glob("*.[1-9]"))
        return {f"share/man/man{page.suffix[1:]}/{page.name}": page.read_text() for page in pages}


def main() -> None:
    """Write all of them, and remove what is not generated any more."""
    folder = Path(shipped_system_folder())
    files = {**generated(), **man_pages()}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != LINK_SCRIPT and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    tools.main()


if __name__ == "__main__":
    main()
