"""Write what differs: the page of devices, the date of the device files, the demo's picture."""

from __future__ import annotations

from tools import data_date, demo_picture, devices_page


def main() -> None:
    """Write all of them."""
    generated = {**devices_page.generated(), **data_date.generated(), **demo_picture.generated()}
    for page, text in generated.items():
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
