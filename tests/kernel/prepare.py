"""Fetches and unpacks what the guest boots from: Debian's kernel, and the reference usb_modeswitch.

Nothing is installed. Packages are unpacked into a cache folder whose name carries the package version, so
that an update of the kernel makes a new folder and a second run needs no network.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
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
# What goes on where the switch ends: dialling programs, daemons and what they talk to.
DIALLING = (
    *("ppp", "wvdial", "minicom", "iproute2", "iputils-ping"),
    *("dbus", "polkitd", "modemmanager", "network-manager", "libmbim-utils"),
)
# Of their packages nothing in the guest reads this.
UNREAD = ("doc", "man", "locale", "info", "bash-completion", "icons", "lintian", "bug")
# On nobody's PATH.
UDEVD, SYSTEMD = Path("/lib/systemd/systemd-udevd"), Path("/lib/systemd/systemd")
ADMIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


class RigError(Exception):
    """The rig cannot do its work; the message is one line and says what to do."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What a boot needs, unpacked.

    reference: a root tree that holds the reference tool and its data. root: the files that the guest sees,
    this very system's by default. python: for the guest's tests. dialling: a root tree with the packages of
    DIALLING, and what of their dependencies this host lacks; None where the guest needs none.
    """

    kernel: Path
    release: str
    modules: Path
    reference: Path
    root: Path = Path("/")
    python: str = sys.executable
    dialling: Path | None = None

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
        dialling=_dialling(cache),
    )


def newest_public_data(cache: Path) -> Path:
    """A root tree with the newest usb-modeswitch-data that Debian has, whatever this host's release is.

    apt gets lists and a cache of its own for that. RigError when it cannot be had.
    """
    target = cache / "public-data"
    found = sorted(target.glob("usb-modeswitch-data_*"))
    if found:
        return found[-1]
    with tempfile.TemporaryDirectory(prefix="rig-apt-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt fetches as a user of its own
        for part in ("lists/partial", "archives/partial"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        key = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (folder / "list").write_text(f"deb [signed-by={key}] {_archive()} sid main\n")
        options = {
            "Dir::State": folder,
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder,
            "Dir::Etc::sourcelist": folder / "list",
            "Dir::Etc::sourceparts": "-",
            "Acquire::Languages": "none",
        }
        words = [_tool("apt-get"), "-q", *(f"-o{key}={value}" for key, value in options.items())]
        for command in (["update"], ["download", "usb-modeswitch-data"]):
            done = subprocess.run(
                [*words, *command], cwd=folder, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RigError(
                    f"apt-get {' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}"
                )
        (package,) = folder.glob("usb-modeswitch-data_*.deb")
        tree = target / package.stem
        subprocess.run([_tool("dpkg"), "-x", package, folder / "tree"], check=True)
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder / "tree", tree, symlinks=True)
    return tree


def _archive() -> str:
    """The address of the archive that this Debian's own packages come from; RigError without one."""
    # One line for each index that apt is told to fetch; the archive of security updates has another label.
    words = ["--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    found = output([_tool("apt-get"), "indextargets", *words]).split()
    if not found:
        raise RigError("apt has no archive of Debian among its sources (is apt-get update recent?)")
    return found[0]


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


def _dialling(cache: Path) -> Path:
    """What DIALLING needs and this host, whose files the guest sees, does not have; unpacked."""
    words = ("install", "--simulate", "--no-install-recommends", "-o", "Debug::NoLocking=1")
    # Inst ppp (2.4.9-1+1.1+b1 Debian:12.11/stable [amd64]); an installed version comes in brackets first
    lines = output(["apt-get", *words, *DIALLING])
    versions = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", lines, re.MULTILINE))
    digest = hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:12]
    return _unpacked(cache, list(versions), _merge_usr, versions, name=f"dialling_{digest}")


def _merge_usr(tree: Path) -> None:
    """/lib and the like are links into /usr in the guest, so what packages put there has to move."""
    for name in ("lib", "bin", "sbin"):
        if (tree / name).is_dir():
            shutil.copytree(tree / name, tree / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(tree / name)
    for name in UNREAD:
        shutil.rmtree(tree / "usr/share" / name, ignore_errors=True)


def _unpacked(
    cache: Path,
    packages: Sequence[str],
    finish: Callable[[Path], None] | None = None,
    versions: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Path:
    """The folder that holds the packages' files, fetched when the cache lacks these very versions.

    versions: by package, where they are known. name: of the folder; by default the first package's.
    """
    if versions is None:
        versions = {package: _candidate(package) for package in packages}
    folder = cache / (name or f"{packages[0]}_{versions[packages[0]]}".replace(":", "%3a"))
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Unpacked beside its place and then renamed: an interrupted run leaves no half a kernel in the cache.
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=cache) as place:
        debs, tree = Path(place) / "debs", Path(place) / "tree"
        debs.mkdir()
        tree.mkdir()
        wanted = [f"{package}={versions[package]}" for package in packages]
        # apt's own download user cannot write below a root-only folder, and says so at length.
        if wanted:
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
