"""Write what differs: the page of devices, the keys of methods, the date of data/, the demo's picture."""

from __future__ import annotations

from pathlib import Path

from tools import data_date, demo_picture, devices_page, method_keys


def generated() -> dict[Path, str]:
    """Text by path."""
    parts = (devices_page, method_keys, data_date, demo_picture)
    return {path: text for part in parts for path, text in part.generated().items()}


def main() -> None:
    """Write all of them."""
    for page, text in generated().items():
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
