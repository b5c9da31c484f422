"""The nouns: IDs, ports, devices, device files, results, errors, the steps of a plan.

Also the interfaces Host and Transport, the names below /run, and what records and loggers are made with.
Imports nothing.
"""
