"""Loggers that do not load `logging`, and are the usual ones once somebody has."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from pymodeswitch.nouns.log import MOST_WARNINGS, Logger, Warnings


def test_records_are_those_of_logging(caplog: pytest.LogCaptureFixture) -> None:
    logger = Logger("pymodeswitch.some")
    caplog.set_level(logging.DEBUG, "pymodeswitch")
    logger.debug("%s and %d", "one", 2)
    logger.info("told", extra={"port": "1-1"})
    logger.warning("warned")
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("failed")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("pymodeswitch.some", "DEBUG", "one and 2"),
        ("pymodeswitch.some", "INFO", "told"),
        ("pymodeswitch.some", "WARNING", "warned"),
        ("pymodeswitch.some", "ERROR", "failed"),
    ]
    assert caplog.records[1].port == "1-1"  # type: ignore[attr-defined]
    assert caplog.records[3].exc_info is not None
    assert {record.filename for record in caplog.records} == {"test_log.py"}, "who logged"


CODE = """
import sys
from pymodeswitch.nouns.log import MOST_WARNINGS, Logger, Warnings
logger = Logger("pymodeswitch.some")
logger.warning("nobody hears this")
assert "logging" not in sys.modules
import logging
logger.warning("a library does not print")
logging.basicConfig(format="%(name)s: %(message)s")
logger.warning("heard")
"""


def test_nothing_is_loaded_and_nothing_is_printed() -> None:
    done = subprocess.run([sys.executable, "-S", "-c", CODE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "pymodeswitch.some: heard\n")


def test_warnings_are_collected_for_a_command() -> None:
    """Each once, no more than a few, and only those from inside; two collectors do not share."""
    logger = Logger("pymodeswitch.some")
    logger.warning("before")
    with Warnings() as outer:
        logger.warning("%s is odd", "x")
        logger.info("not a warning")
        logger.told("this one is in the result already")
        logger.warning("%s is odd", "x")
        with Warnings() as inner:
            logger.warning("inside")
        logger.warning("after")
    logger.warning("at the end")
    assert inner.take() == ["inside"]
    assert outer.take() == ["x is odd", "inside", "after"]
    assert outer.take() == []
    with Warnings() as many:
        for number in range(MOST_WARNINGS + 5):
            logger.warning("number %d", number)
    assert len(many.take()) == MOST_WARNINGS
