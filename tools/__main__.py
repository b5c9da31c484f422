"""Write what is generated from data/, where it differs: the page of devices and the date of the data."""

from __future__ import annotations

from . import data_date, devices_page


def main() -> None:
    """Write all of them."""
    for page, text in {**devices_page.generated(), **data_date.generated()}.items():
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
