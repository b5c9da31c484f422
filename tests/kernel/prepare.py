"""Fetches and unpacks what the guest boots from: Debian's kernel, and the reference usb_modeswitch.

Nothing is installed. Packages are unpacked into a cache folder whose name carries the package version, so
that an update of the kernel makes a new folder and a second run needs no network.
"""

from __future__ import annotations

import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# What the initramfs needs to reach the host's file system; everything else is loaded from there.
BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")

# Program -> Debian package.
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "cpio": "cpio",
    "udevadm": "udev",
    "lsusb": "usbutils",
    "apt-get": "apt",
    "dpkg": "dpkg",
}
# On nobody's PATH.
UDEVD, SYSTEMD = Path("/lib/systemd/systemd-udevd"), Path("/lib/systemd/systemd")
ADMIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


class RigError(Exception):
    """The rig cannot do its work; the message is one line and says what to do."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What a boot needs, unpacked. `reference` is a root tree holding the reference tool and its data.

    root: the files that the guest sees, this very system's by default. python: for the guest's tests.
    """

    kernel: Path
    release: str
    modules: Path
    reference: Path
    root: Path = Path("/")
    python: str = sys.executable

    @property
    def is_of_host(self) -> bool:
        """Whether the guest sees this system's files, the checkout among them."""
        return self.root == Path("/")

    def inside(self, path: Path) -> str:
        """The path of a file as the guest has it."""
        return f"/{path.relative_to(self.root)}"


def tool(name: str) -> str | None:
    """Where a program is, looking at the administrator's folders too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{ADMIN_PATH}")


def missing() -> str | None:
    """One line that says what this host lacks, or None when the rig can run here."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "the kernel rig needs an x86-64 Linux: its guest runs the Python of the host"
    packages = [package for name, package in TOOLS.items() if tool(name) is None]
    if not UDEVD.exists() and "udev" not in packages:
        packages.append("udev")
    if not SYSTEMD.exists():
        packages.append("systemd")
    if packages:
        return f"the kernel rig lacks programs: apt-get install {' '.join(packages)}"
    return None


def cache_folder() -> Path:
    """Where unpacked packages are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pymodeswitch-rig"


def prepare(cache: Path) -> Kit:
    """Everything that a boot needs, from the cache or freshly fetched.

    Raises:
        RigError: a program is missing, or apt cannot deliver a package.
    """
    if problem := missing():
        raise RigError(problem)
    image = next((name for name in _depends("linux-image-amd64") if name.startswith("linux-image-")), None)
    if image is None:
        raise RigError(
            "apt knows no linux-image-amd64: run apt-get update (the rig needs Debian's package lists)"
        )
    kernel_tree = _unpacked(cache, [image], _index_modules)
    # libc6 is the host's; of the rest the guest takes a copy, so that the host need not have any of it.
    tools = ["usb-modeswitch", *(name for name in _depends("usb-modeswitch") if name != "libc6")]
    reference = _unpacked(cache, tools)
    kernel = next((kernel_tree / "boot").glob("vmlinuz-*"))
    return Kit(
        kernel=kernel,
        release=kernel.name.removeprefix("vmlinuz-"),
        modules=kernel_tree / "lib" / "modules",
        reference=reference,
    )


def initramfs(kit: Kit, init: Path, target: Path) -> None:
    """Write what the kernel starts from: busybox, the modules to reach the host's files, and `init`."""
    with tempfile.TemporaryDirectory(prefix="rig-initramfs-") as name:
        tree = Path(name)
        (tree / "bin").mkdir()
        shutil.copy2(_tool("busybox"), tree / "bin" / "busybox")
        (tree / "modules").mkdir()
        for number, module in enumerate(_module_files(kit, BOOT_MODULES)):
            target_module = tree / "modules" / f"{number:02}-{module.stem}"
            if module.suffix == ".xz":  # busybox loads what is unpacked
                target_module.write_bytes(lzma.decompress(module.read_bytes()))
            else:
                shutil.copy2(module, target_module)
        shutil.copy2(init, tree / "init")
        (tree / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        with target.open("wb") as archive:
            command = [_tool("cpio"), "--quiet", "-o", "-H", "newc", "-R", "0:0"]
            subprocess.run(command, input=names.encode(), stdout=archive, cwd=tree, check=True)


def _module_files(kit: Kit, modules: Sequence[str]) -> list[Path]:
    """Module files in loading order, each once; what is built into the kernel is left out."""
    command = [
        _tool("modprobe"),
        "-d",
        str(kit.modules.parents[1]),
        "-S",
        kit.release,
        "-a",
        "--show-depends",
        *modules,
    ]
    files: dict[Path, None] = {}
    for line in output(command).splitlines():
        action, _, rest = line.partition(" ")
        if action == "insmod":
            files[Path(rest.strip())] = None
    return list(files)


def _unpacked(cache: Path, packages: Sequence[str], finish: Callable[[Path], None] | None = None) -> Path:
    """The folder that holds the packages' files, fetched when the cache lacks these very versions."""
    versions = [_candidate(package) for package in packages]
    folder = cache / f"{packages[0]}_{versions[0]}".replace(":", "%3a")
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Unpacked beside its place and then renamed: an interrupted run leaves no half a kernel in the cache.
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=cache) as name:
        debs, tree = Path(name) / "debs", Path(name) / "tree"
        debs.mkdir()
        wanted = [f"{package}={version}" for package, version in zip(packages, versions, strict=True)]
        # apt's own download user cannot write below a root-only folder, and says so at length.
        output([_tool("apt-get"), "-q", "-o", "APT::Sandbox::User=", "download", *wanted], cwd=debs)
        for deb in sorted(debs.glob("*.deb")):
            output([_tool("dpkg"), "-x", str(deb), str(tree)])
        if finish is not None:
            finish(tree)
        tree.chmod(0o755)
        tree.replace(folder)
    return folder


def _index_modules(tree: Path) -> None:
    release = next((tree / "lib" / "modules").iterdir()).name
    output([_tool("depmod"), "-b", str(tree), release])


def _depends(package: str) -> list[str]:
    return re.findall(r"^\s*Depends: ([\w.+-]+)", output(["apt-cache", "depends", package]), re.MULTILINE)


def _candidate(package: str) -> str:
    found = re.search(r"^\s*Candidate: (\S+)", output(["apt-cache", "policy", package]), re.MULTILINE)
    if found is None or found[1] == "(none)":
        raise RigError(
            f"apt has no package {package}: run apt-get update (the rig needs Debian's package lists)"
        )
    return found[1]


def _tool(name: str) -> str:
    path = tool(name)
    if path is None:
        raise RigError(f"the kernel rig lacks programs: apt-get install {TOOLS.get(name, name)}")
    return path


def output(command: Sequence[str], cwd: Path | None = None) -> str:
    # apt's words are parsed, so they have to be English.
    environment = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise RigError(f"{Path(command[0]).name} {command[-1]} failed (is apt-get update recent?): {words}")
    return done.stdout
