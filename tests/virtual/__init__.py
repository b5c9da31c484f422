"""Tests of the virtual sticks."""
