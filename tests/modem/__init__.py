"""Tests of what a switched modem is asked, and of what it is dialled with."""
