"""Tests that need a whole systemd as the guest's init."""
