"""From a device file and a device to a plan: settings, policy, methods, messages; the plan in words.

Pure but for reading the settings. Imports device_files and below.
"""
