"""The built wheel, installed into a fresh environment: it has its data, and it does the job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import pymodeswitch
from tests.support import CHECKOUT
from tests.support.needs import needs
from tools import metainfo

pytestmark = [
    needs("build", "builds the wheel"),
    needs("hatchling", "the build system of the wheel"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(CHECKOUT)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


def test_wheel_holds_data_types_and_licences(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "pymodeswitch/py.typed" in names
    data = {n.removeprefix("pymodeswitch/data/") for n in names if n.startswith("pymodeswitch/data/")}
    assert data == {path.name for path in (CHECKOUT / "data").iterdir()}
    licences = {Path(name).name for name in names if "/licenses/" in name}
    assert licences == {"MIT.txt", "GPL-2.0-or-later.txt"}
    assert not [name for name in names if set(name) & set(':<>"\\|?*')]


def test_wheel_has_the_system_s_files_for_packagers(wheel: Path) -> None:
    """Where they belong below /usr, and in the package for `system install`."""
    with zipfile.ZipFile(wheel) as archive:
        prefix = f"pymodeswitch-{pymodeswitch.__version__}.data/data/"
        names = archive.namelist()
        shared = {n.removeprefix(prefix): archive.read(n) for n in names if n.startswith(prefix)}
        inside = "pymodeswitch/system/files/"
        packaged = {n.removeprefix(inside): archive.read(n) for n in names if n.startswith(inside)}
    assert shared == packaged
    assert set(shared) == {
        "lib/udev/rules.d/41-pymodeswitch.rules",
        "lib/udev/rules.d/42-pymodeswitch-gsmmodem.rules",
        "lib/udev/pymodeswitch-modem-port.sh",
        "lib/systemd/system/pymodeswitch.service",
        "lib/systemd/system/pymodeswitch.path",
        "share/man/man1/pymodeswitch.1",
        "share/man/man5/pymodeswitch.conf.5",
        "share/bash-completion/completions/pymodeswitch",
        "share/zsh/site-functions/_pymodeswitch",
        "share/fish/vendor_completions.d/pymodeswitch.fish",
        *metainfo.generated([]),
    }


def test_sdist_holds_tests_and_docs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    inside = {name.partition("/")[2] for name in names}
    for name in (
        "README.md",
        "docs/conf.py",
        "tests/behaviour/test_wheel.py",
        "data/19d2-1201",
        "packaging/README.md",
    ):
        assert name in inside


def a_pack(folder: Path) -> Path:
    """The wheel of another package that brings a device file."""
    files = {
        "acme_sticks/__init__.py": "raise SystemExit('nobody runs this')",
        "acme_sticks/1209-0001": "StandardEject=1\n",
        "acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "acme-1.0.dist-info/entry_points.txt": "[pymodeswitch.devices]\nacme = acme_sticks\n",
    }
    files["acme-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    path = folder / "acme-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


@pytest.mark.network  # pip fetches pyusb and construct
def test_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(python), *words], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "pip", "install", "--quiet", str(wheel))
    # Device files that this computer happens to have come before those of the wheel.
    (site,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (site / "sitecustomize.py").write_text(
        "from pymodeswitch.catalog import sources\nsources.SYSTEM_FOLDERS = ()\n"
    )
    assert "Done in" in run("-m", "pymodeswitch", "demo")
    explained = json.loads(run("-m", "pymodeswitch", "explain", "19d2:1201", "--json"))
    assert explained["entries"][0]["path"].startswith(str(tmp_path / "env"))
    run("-m", "pip", "install", "--quiet", "--no-deps", str(a_pack(tmp_path)))
    run("-m", "pymodeswitch", "data", "refresh")
    explained = json.loads(run("-m", "pymodeswitch", "explain", "1209:0001", "--json"))
    assert explained["entries"][0]["path"].endswith("/site-packages/acme_sticks/1209-0001")
    # Installed from the wheel, for root to start: everything is there, and right.
    assert "written" in run("-m", "pymodeswitch", "system", "install", "--root", str(tmp_path / "root"))
    assert "missing" not in run("-m", "pymodeswitch", "system", "check", "--root", str(tmp_path / "root"))
    assert (tmp_path / "root/usr/local/share/man/man1/pymodeswitch.1").exists()
    script = subprocess.run([tmp_path / "env/bin/pymodeswitch", "--version"], cwd=tmp_path, check=False)
    assert script.returncode == 0
