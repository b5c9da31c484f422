"""Tests of a guest without udev and systemd, as in a container."""
