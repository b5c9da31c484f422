"""What the tests of the command share: a virtual computer, and a way to run the command on it."""

from __future__ import annotations

from typing import Any

import pytest

from pymodeswitch.command import cli, hints
from pymodeswitch.command.verbs import explain, list, watch
from pymodeswitch.host.linux import default_host
from pymodeswitch.switching import fleet
from pymodeswitch.switching import switch as switching
from pymodeswitch.virtual import VirtualBackend
from tests.support.schema import check_output


@pytest.fixture
def virtual_computer(monkeypatch: pytest.MonkeyPatch, backend: VirtualBackend) -> None:
    """The command sees the virtual bus as this computer's."""
    for module in (switching, fleet, hints, explain, list, watch):
        monkeypatch.setattr(module, "default_host", lambda given=None: default_host(given or backend))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], virtual_computer: None) -> Any:
    """Runs the command; gives exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        check_output([str(word) for word in words], captured.out)
        return code, captured.out, captured.err

    return run
