"""What a stick says of itself, and what a file is called, is shown and never obeyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pymodeswitch.command import cli
from pymodeswitch.host import linux
from pymodeswitch.virtual import Mode, Stick, VirtualBackend, VirtualBus, storage_mode
from pymodeswitch.virtual.descriptors import Configuration, Identity

HOSTILE = "\x1b[2J\x1b]0;x\x07\r\n$(id)`id`\u202e\x00%s{0}\u2028"


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--sources"],
        ["explain", "1111:2222"],
        ["explain", "--port", "1-1"],
        ["1111:2222", "--timeout", "1"],
        ["1111:2222", "-v", "--timeout", "1"],
        ["1111:2222", "--dry-run"],
        ["scan", "--timeout", "1", "-v"],
        ["scan", "--json", "--timeout", "1"],
        ["list", "--json"],
        ["lint", "FOLDER"],
    ],
    ids=" ".join,
)
def test_hostile_names_do_not_reach_the_terminal(
    words: list[str],
    tmp_path: Path,
    bus: VirtualBus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "files\x1b[31m"
    folder.mkdir()
    (folder / "1111-2222").write_text(f"# {HOSTILE[:-9]}\nStandardEject=1\nKey\x1b=\x1b1\n")
    (folder / "1111-2222@uMa=\x1b").write_text("StandardEject=1\n")
    plain = storage_mode(0x1111, 0x2222)
    configuration: tuple[Configuration, ...] = plain.identity.configurations
    identity = Identity(
        0x1111,
        0x2222,
        configuration,
        manufacturer=HOSTILE.replace("\0", ""),
        product_name=HOSTILE.replace("\0", ""),
        serial=HOSTILE.replace("\0", ""),
    )
    bus.plug(Stick([Mode(identity, plain.functions)]))
    host = linux.LibusbHost(VirtualBackend(bus), bus.clock)
    monkeypatch.setattr(linux.Sysfs, "exists", lambda self: False)
    monkeypatch.setattr(linux, "LibusbHost", lambda: host)
    line = [str(folder) if word == "FOLDER" else word for word in words]
    if words[0] != "lint":
        line += ["--data", str(folder)]
    cli.main(line)
    out, err = capsys.readouterr()
    assert out + err
    bad = {c for c in out + err if not c.isprintable()} - {"\n", "\t"}
    assert not bad
    assert "internal error" not in err
    assert "uid=" not in out + err, "nobody ran `id`"
    if "--json" in words:
        json.loads(out)
