"""Faults of the system: each call that the package makes for a file, a socket, a process, a thread.

`SystemCalls` counts and names the calls, and meets one of them with a fault. Calls of the tests themselves
and of libraries are left alone: what counts is who called, through the standard library's path functions.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
import posix
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pymodeswitch
from pymodeswitch.early import sender
from pymodeswitch.host import kernel_events

PACKAGE = str(Path(pymodeswitch.__file__).parent) + os.sep
THROUGH = (
    "posixpath.py",
    "genericpath.py",
    "os.py",
    "<frozen os>",
    "<frozen posixpath>",
    "<frozen genericpath>",
)

OPENING = (errno.EACCES, errno.ENOENT, errno.EIO, errno.EMFILE, errno.ENOSPC)
LOOKING = (errno.EACCES, errno.ENOENT, errno.EIO)
CHANGING = (errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EIO)
SHORT = -1  # a write that takes less than it was given

FAULTS: dict[str, tuple[int, ...]] = {
    "open": OPENING,
    "os.open": OPENING,
    "file.read": (errno.EIO,),
    "file.write": (errno.ENOSPC, errno.EIO),
    "os.read": (errno.EIO,),
    "os.pread": (errno.EIO,),
    "os.write": (errno.ENOSPC, errno.EIO, SHORT),
    "os.pwrite": (errno.ENOSPC, errno.EIO, SHORT),
    "os.ftruncate": (errno.EIO, errno.ENOSPC),
    "os.fsync": (errno.EIO, errno.EINVAL),
    "os.fchmod": (errno.EPERM,),
    "os.chmod": (errno.EPERM,),
    "os.stat": LOOKING,
    "os.lstat": LOOKING,
    "os.fstat": (errno.EIO,),
    "os.listdir": (*LOOKING, errno.EMFILE),
    "os.scandir": LOOKING,
    "os.readlink": LOOKING,
    "os.access": (),
    "os.mkdir": CHANGING,
    "os.symlink": CHANGING,
    "os.replace": CHANGING,
    "os.rename": CHANGING,
    "os.link": CHANGING,
    "os.unlink": CHANGING,
    "os.rmdir": CHANGING,
    "os.eventfd": (errno.EMFILE,),
    "fcntl.flock": (errno.EIO, errno.ENOLCK, errno.EINTR),
    "socket": (errno.EMFILE, errno.EPERM, errno.EAFNOSUPPORT),
    "socket.bind": (errno.EPERM,),
    "socket.recvfrom": (errno.ENOBUFS, errno.EIO),
    "select.poll": (errno.ENOMEM,),
    "thread": (0,),
    "os.fork": (errno.EAGAIN, errno.ENOMEM),
    "os.setsid": (errno.EPERM,),
    "os.dup2": (errno.EBADF, errno.EMFILE),
    "os.execve": (errno.ENOENT, errno.EACCES, errno.ENOMEM, errno.E2BIG),
    "process": (errno.EAGAIN, errno.ENOENT),
}


class Call(NamedTuple):
    """A call: what it is, in which file of the package, and how often that came before."""

    name: str
    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}-{self.file}-{self.number}"


class SystemCalls:
    """Counts the calls of the package; `fault` is met at `at`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self.at: Call | None = None
        self.fault = 0
        self.met = False
        self.active = False
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        for module, called in ((os, "os"), (posix, "os"), (fcntl, "fcntl")):
            for name in FAULTS:
                head, _, function = name.partition(".")
                if head == called:
                    patch.setattr(module, function, self._wrapped(name, getattr(module, function)))
        patch.setattr(sender, "flock", self._wrapped("fcntl.flock", sender.flock))
        patch.setattr(builtins, "open", self._opening(builtins.open))
        patch.setattr(subprocess, "Popen", self._wrapped("process", subprocess.Popen))
        patch.setattr(threading.Thread, "start", self._wrapped("thread", threading.Thread.start))
        patch.setattr(select, "poll", self._wrapped("select.poll", select.poll))
        patch.setattr(kernel_events, "_open", self._socket(kernel_events._open))

    def start(self, at: Call | None = None, fault: int = 0) -> None:
        """Count anew; with a call, meet that one with a fault."""
        self.calls, self._counts = [], {}
        self.at, self.fault, self.met = at, fault, False
        self.active = True

    def stop(self) -> None:
        self.active = False

    def check(self, name: str) -> None:
        """Count a call; raises the fault when it is its turn."""
        if not self.active:
            return
        file = _caller()
        if file is None:
            return
        with self._lock:
            number = self._counts.get((name, file), 0)
            self._counts[name, file] = number + 1
            call = Call(name, file, number)
            self.calls.append(call)
            if call != self.at:
                return
            self.met = True
        if name == "thread":
            raise RuntimeError("can't start new thread")
        if self.fault == SHORT:
            raise _Short
        raise OSError(self.fault, os.strerror(self.fault))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            try:
                self.check(name)
            except _Short:
                file, data, *rest = arguments
                return real(file, bytes(data)[: max(1, len(data) // 2)], *rest)
            return real(*arguments, **options)

        return call

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def open_(*arguments: Any, **options: Any) -> Any:
            if not self.active or _caller() is None:
                return real(*arguments, **options)
            if not isinstance(arguments[0], int):
                self.check("open")
            return _File(real(*arguments, **options), self)

        return open_

    def _socket(self, real: Callable[[], Any]) -> Callable[[], Any]:
        def open_() -> Any:
            try:
                self.check("socket")
                opened = real()
                return opened and _Socket(opened, self)
            except OSError:
                return None  # as the real one says it, having caught it

        return open_


class _Short(Exception):
    pass


class _File:
    """An opened file whose reads and writes are calls, too."""

    def __init__(self, file: io.IOBase, calls: SystemCalls) -> None:
        self._file, self._calls = file, calls

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        if name in ("read", "write", "readline", "readlines"):
            self._calls.check("file.write" if name == "write" else "file.read")
        return getattr(self._file, name)


class _Socket:
    """The kernel's events."""

    def __init__(self, real: Any, calls: SystemCalls) -> None:
        self._real, self._calls = real, calls

    def __getattr__(self, name: str) -> Any:
        if name == "recvfrom":
            self._calls.check("socket.recvfrom")
        return getattr(self._real, name)


def _caller() -> str | None:
    """The file of the package that called; None when it was somebody else."""
    frame = sys._getframe(2)
    here = __file__
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGE):
            return path.removeprefix(PACKAGE)
        if path != here and not path.endswith(THROUGH):
            return None
        frame = frame.f_back  # type: ignore[assignment]
    return None
