"""Tests that run inside the guest, and only there; the rig collects them."""
