"""Fixtures of the guest under systemd, where `pymodeswitch system install` has run before the boot."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.kernel.guest import linux

UNIT_STARTED = "39f53479d3a045ac8e11786248231fbf"  # SD_MESSAGE_UNIT_STARTED of systemd's sd-messages.h
JUDGE = "pymodeswitch.service"


class Journal:
    """What the journal has taken down since this was made, or since the boot."""

    def __init__(self, *, since_boot: bool = False) -> None:
        words = ("--lines=1", "--output=cat", "--show-cursor", "--quiet")
        cursor = linux.run_command("journalctl", *words).stdout.rpartition("-- cursor: ")[2].strip()
        self._since = "--boot" if since_boot else f"--after-cursor={cursor}"

    def entries(self, **fields: str) -> list[dict[str, Any]]:
        """Entries with these fields, oldest first."""
        # Chosen here: after a cursor journalctl passes over the first entry that fits (systemd 252).
        done = linux.run_command("journalctl", self._since, "--output=json", "--quiet")
        assert done.returncode == 0, done.stderr
        entries = [json.loads(line) for line in done.stdout.splitlines()]
        return [entry for entry in entries if fields.items() <= entry.items()]

    def verdicts(self, port: str) -> list[dict[str, Any]]:
        """What pymodeswitch said of a port."""
        return self.entries(PYMODESWITCH_PORT=port)

    def starts(self) -> int:
        """How often systemd has started the judge."""
        return len(self.entries(UNIT=JUDGE, MESSAGE_ID=UNIT_STARTED))

    def text(self) -> str:
        """All of it, for a person."""
        return linux.run_command("journalctl", self._since, "--output=short-monotonic").stdout


def state(name: str) -> tuple[str, str, int]:
    """ActiveState, Result and the main process's exit code of a unit; 0 if it has none, as a path unit."""
    words = ("--property=ActiveState", "--property=Result", "--property=ExecMainStatus")
    lines = linux.run_command("systemctl", "show", *words, name).stdout.splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return values["ActiveState"], values["Result"], int(values.get("ExecMainStatus", 0))


@pytest.fixture
def journal(request: pytest.FixtureRequest) -> Iterator[Journal]:
    """The journal from the test's beginning; the units that failed in it are forgotten afterwards."""
    journal = request.node.stash[JOURNAL] = Journal()
    yield journal
    linux.run_command("systemctl", "reset-failed")


JOURNAL = pytest.StashKey[Journal]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails tells what the journal has of it."""
    report = yield
    if report.failed and (journal := item.stash.get(JOURNAL, None)) is not None:
        report.sections.append(("journal", journal.text()))
    return report
