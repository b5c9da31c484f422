"""`rules`: the rules that are printed for udev."""

from __future__ import annotations

import json
from typing import Any

from tests.support.udev_rules import Event, carry_out


def test_rules(run: Any) -> None:
    stick = Event({"idVendor": "19d2", "idProduct": "1201"})
    code, out, _ = run("rules", "--command", "/bin/x")
    assert code == 0
    assert carry_out(out, stick).run == ("/bin/x early --start-judge 1-1.2",)
    out = run("rules", "--json", "--command", "/bin/x")[1]
    assert carry_out(json.loads(out)["rules"], stick).run == ("/bin/x early --start-judge 1-1.2",)
