"""The documentation as a reader has it: no dead link, nothing wider than a phone, a filter that filters."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from tests.support import CHECKOUT
from tests.support.needs import ALL, needs

CHROMIUM = shutil.which("chromium")
WIDTHS = {"phone": 390, "desktop": 1280}

pytestmark = [needs("myst_parser", "the site is made by Sphinx"), needs("furo", "the theme of the site")]
in_a_browser = pytest.mark.skipif(not ALL and CHROMIUM is None, reason="without chromium: a real browser")

# Loads each page in a frame of a width, and writes down what a reader would see.
HARNESS = """<!doctype html><meta charset="utf-8"><pre id="found"></pre><script>
const pages = PAGES, widths = WIDTHS, found = [];
const load = (page, width) => new Promise((done) => {
  const frame = document.createElement("iframe");
  Object.assign(frame.style, { width: width + "px", height: "900px", border: "0" });
  frame.onload = () => done(frame);
  frame.src = page;
  document.body.append(frame);
});
// Too wide is also what is cut off: an element past the edge that no box around it lets a reader scroll.
const past = (frame, width) => {
  const scrolls = (box) => /auto|scroll/.test(frame.contentWindow.getComputedStyle(box).overflowX);
  const stays = (element) => {
    if (element.getBoundingClientRect().right <= width + 1) return true;
    for (let box = element.parentElement; box.closest("article"); box = box.parentElement)
      if (scrolls(box)) return true;
    return false;
  };
  const elements = [...frame.contentDocument.querySelectorAll("article, article *")];
  return elements.filter((element) => !stays(element)).map((element) => element.outerHTML.slice(0, 80));
};
(async () => {
  for (const page of pages) for (const [name, width] of Object.entries(widths)) {
    const frame = await load(page, width), root = frame.contentDocument.documentElement;
    found.push({ page, name, width: root.clientWidth, content: root.scrollWidth, past: past(frame, width),
      broken: [...frame.contentDocument.images].filter((i) => !i.naturalWidth).map((i) => i.src) });
    frame.remove();
  }
  const frame = await load("devices.html", widths.phone), page = frame.contentDocument;
  const box = page.querySelector("input[type=search][placeholder*=huawei]");
  const shown = () => [...page.querySelectorAll("article tbody tr")].filter((row) => row.offsetHeight > 0);
  const filtered = {};
  for (const words of ["", "19d2:1201", "HUAWEI e3372", "no such stick"]) {
    box.value = words;
    box.dispatchEvent(new frame.contentWindow.Event("input"));
    const rows = shown().map((row) => row.cells[0].textContent);
    filtered[words] = { rows, status: page.querySelector("[role=status]").textContent };
  }
  found.push({ filtered });
  document.getElementById("found").textContent = JSON.stringify(found);
})();
</script>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(CHECKOUT / "docs"), str(out)]
    subprocess.run(words, check=True, cwd=CHECKOUT, timeout=300)
    return out


class Links(HTMLParser):
    """What a page points to, and the places in it that can be pointed to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def test_no_dead_link(site: Path) -> None:
    pages = {path: Links(path.read_text("utf-8")) for path in site.glob("*.html")}
    dead = []
    for page, links in pages.items():
        for target in links.targets:
            url = urlsplit(target)
            if url.scheme:
                continue
            path = (page.parent / unquote(url.path)).resolve() if url.path else page
            known = pages[path].places if path in pages else {"", url.fragment}
            if not path.exists() or unquote(url.fragment) not in known:
                dead.append(f"{page.name}: {target}")
    assert len(pages) > 20
    assert dead == []


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """The site works without a network, and tells nobody who reads it."""
    for page in site.glob("*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r'<(script|link|img)[^>]+(src|href)="(https?:)?//', text), page.name


def test_without_scripts_the_devices_are_a_table(site: Path) -> None:
    text = (site / "devices.html").read_text("utf-8")
    count = len(list(Catalog((shipped_folder(),)).all()))
    assert text.count("<tr ") == count + 1
    assert "type=search" not in text
    assert 'type="search"' not in text


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def seen(site: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What headless Chromium found on all pages, served on this machine."""
    assert CHROMIUM is not None
    pages = json.dumps(sorted(path.name for path in site.glob("*.html")))
    harness = HARNESS.replace("PAGES", pages).replace("WIDTHS", json.dumps(WIDTHS))
    (site / "harness.html").write_text(harness, "utf-8")
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        flags += " --disable-component-update --disable-sync --disable-quic --window-size=1400,1000"
        profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
        # The page's own clock, which runs as quickly as the pages load.
        limits = ["--virtual-time-budget=60000", "--dump-dom"]
        url = f"http://127.0.0.1:{server.server_port}/harness.html"
        words = [CHROMIUM, *flags.split(), profile, *limits, url]
        done = subprocess.run(words, capture_output=True, text=True, timeout=180)
        server.shutdown()
    (site / "harness.html").unlink()
    text = done.stdout.partition('<pre id="found">')[2].partition("</pre>")[0]
    assert text, done.stderr[-2000:]
    return json.loads(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@in_a_browser
def test_no_page_scrolls_sideways(site: Path, seen: list[dict[str, Any]]) -> None:
    pages = [page for page in seen if "page" in page]
    assert len(pages) == len(WIDTHS) * len(list(site.glob("*.html")))
    assert {page["width"] for page in pages if page["name"] == "phone"} <= set(range(370, 391))
    assert [page for page in pages if page["content"] > page["width"] or page["past"]] == []


@in_a_browser
def test_pictures_are_there(seen: list[dict[str, Any]]) -> None:
    assert [page for page in seen if page.get("broken")] == []


@in_a_browser
def test_the_filter_filters(seen: list[dict[str, Any]]) -> None:
    filtered = seen[-1]["filtered"]
    everything = len(list(Catalog((shipped_folder(),)).all()))
    assert len(filtered[""]["rows"]) == everything
    assert filtered["19d2:1201"] == {"rows": ["19d2:1201"], "status": f"1 of {everything} device files"}
    found = filtered["HUAWEI e3372"]["rows"]
    assert 0 < len(found) < everything
    assert "12d1:1f01" in found
    assert filtered["no such stick"]["rows"] == []
