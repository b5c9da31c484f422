"""What tests share beside fixtures."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
