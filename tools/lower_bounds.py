"""`python -m tools.lower_bounds`: the oldest releases that pyproject.toml allows, as pip takes them.

For the tests with these (tests/versions.sh): each requirement `name>=1.2` becomes `name==1.2`, those of the
group `test` included. One without a lower bound, or with more than that, is left as it is.
"""

from __future__ import annotations

import re
import sys
import tomllib

from tools.project import ROOT


def lower_bounds() -> list[str]:
    """Requirements of the package and of its tests, each with its lower bound and its marker."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    return [re.sub(r"^([\w.-]+)>=([\w.]+)(?=;|$)", r"\1==\2", requirement) for requirement in wanted]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{requirement}\n" for requirement in lower_bounds()))
