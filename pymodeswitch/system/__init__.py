"""What belongs into a system: rules, units, links; installed, inspected, removed. files/ is generated.

Imports catalog, modem and below.
"""
