"""The sender beside the recorded reference, and beside `switch(wait=False)`: the same bytes, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pymodeswitch import (
    ModeSwitchError,
    NoEntryError,
    NotStorageError,
    Settings,
    Status,
    TransferError,
    UsbId,
    switch,
)
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.early.table import make_table
from pymodeswitch.virtual import VirtualBackend, VirtualBus
from tests.behaviour.test_recorded_traffic import CASES, RECORD, LinuxBackend
from tests.support.differences import expected
from tests.support.polite_stick import PoliteStick, polite_stick
from tests.support.traffic import Case
from tests.support.virtual_kernel import VirtualKernel

TABLE = make_table(Catalog([shipped_folder()]), Settings())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_recorded(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sends is what the reference sent; else it asks the judge, or there is nothing to do."""
    folder = tmp_path / "devices"
    folder.mkdir()
    (folder / case.file_name).write_text(case.text)
    bus = VirtualBus()
    kernel = VirtualKernel(LinuxBackend(bus), tmp_path, monkeypatch)
    kernel.table.write_bytes(make_table(Catalog([str(folder)]), Settings()))
    kernel.table.chmod(0o644)
    stick = case.stick()
    bus.plug(stick)
    stick.start()
    outcome = kernel.send()
    wanted = expected(case.name, RECORD[case.name])
    if outcome == "sent":
        assert tuple(stick.trace) == wanted
    else:
        assert stick.trace == []
        assert outcome == "asked" or (outcome == "nothing" and wanted == ())


def test_it_handles_nearly_all_shipped_entries() -> None:
    lines = [line.split(b"\t") for line in TABLE.splitlines() if line[4:5] == b":"]
    asked = [line for line in lines if line[2] == b"ask"]
    assert len(asked) < len(lines) / 20


# Devices and files of one ID that differ in what the choice hangs on.
QUALIFIERS = ("", "@uMa=Acme", "@uPr=Stick_1", "@uMa=Acme@uPr=Stick_1", "@uSe=?", "@sVe=Acme")
TEXTS = (
    "",  # a mask
    "StandardEject=1\n",
    "HuaweiMode=1\n",
    "Configuration=2\n",
    "Configuration=0\n",
    "StandardEject=1\nConfiguration=2\n",
    "SierraMode=1\nTargetClass=0x08\n",
    "HuaweiNewMode=1\nTargetClass=0xff\n",
    "MessageContent=1b5a01\nInterface=1\n",
    f"MessageContent={'55534243' + '00' * 27}\nMessageEndpoint=0x0e\nReleaseDelay=20\n",
    "StandardEject=1\nNoMBIMCheck=1\n",
    "OptionMode=1\nWaitBefore=1\n",
    "#mode a\nStandardEject=1\n#mode b\nHuaweiNewMode=1\nTargetClass=0xff\n",
    "StandardEject=1\nThroughDriver=1\n",
    "GCTMode=1\n",
    "Nonsense=1\n",
)
ID = UsbId(0x1209, 0x0001)


def sticks() -> st.SearchStrategy[PoliteStick]:
    return st.builds(
        lambda text, manufacturer, product, active: _stick(text, manufacturer, product, active),
        st.sampled_from([text for text in TEXTS if text and "Nonsense" not in text]),
        st.sampled_from(("", "Acme", "Acme Inc.", "Other")),
        st.sampled_from(("Stick 1", "Stick_1", "Other")),
        st.sampled_from((None, 2)),
    )


def _stick(text: str, manufacturer: str, product: str, active: int | None) -> PoliteStick:
    stick = polite_stick("1209-0001", parse(text.encode(), "1209-0001")[0], active=active)
    mode = stick.modes[0]
    identity = replace(mode.identity, manufacturer=manufacturer, product_name=product)
    stick.modes = [replace(mode, identity=identity)]
    return stick


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    stick=sticks(),
    files=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from((*QUALIFIERS, "#linux")), st.sampled_from(TEXTS)),
        min_size=1,
        max_size=4,
    ),
    settings=st.builds(
        lambda mbim, huawei, mode: Settings(
            mbim=mbim, huawei_alt_mode=huawei, modes={ID: mode} if mode else {}
        ),
        st.booleans(),
        st.booleans(),
        st.sampled_from(("", "a", "b", "mbim", "legacy")),
    ),
)
def test_as_the_library_decides(
    stick: PoliteStick,
    files: list[tuple[int, str, str]],
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """For any folders, settings and strings: the traffic of switch(wait=False), or the judge is asked."""
    tmp_path = tmp_path_factory.mktemp("computer")
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    for number, qualifiers, text in files:
        name = "1209-#linux" if qualifiers == "#linux" else f"1209-0001{qualifiers}"
        (folders[number] / name).write_text(text)
    paths = [str(folder) for folder in folders]
    with pytest.MonkeyPatch.context() as patch:
        bus = VirtualBus()
        kernel = VirtualKernel(LinuxBackend(bus), tmp_path, patch)
        kernel.table.write_bytes(make_table(Catalog(paths), settings))
        kernel.table.chmod(0o644)
        bus.plug(stick)
        stick.start()
        outcome = kernel.send()
        sent = list(stick.trace)
    if outcome == "asked" or (outcome == "failed" and not sent):
        assert sent == []
        return  # for the judge to say
    bus = VirtualBus()
    bus.plug(stick)
    stick.start()
    try:
        result = switch(
            port="1-1", wait=False, settings=settings, catalog=Catalog(paths), backend=LinuxBackend(bus)
        )
        status = result.status
    except (NoEntryError, NotStorageError):
        status = None
    except TransferError:  # not all of it got through: the sender leaves it open what came of it
        assert outcome == "sent"
        status = Status.SENT
    except ModeSwitchError as error:
        pytest.fail(f"the sender made {outcome} of what the library says this to: {error}")
    assert (outcome == "sent") == (status is Status.SENT)
    # A configuration that the stick refuses is undone at once by the one, and by the judge for the other.
    undone = ["configuration 1"] if sent[-1:] == ["configuration 2"] and stick.trace != sent else []
    assert [*sent, *undone] == stick.trace


def test_backend_is_the_plain_one() -> None:
    """What the comparison stands on: both go through the same virtual backend."""
    assert issubclass(LinuxBackend, VirtualBackend)
