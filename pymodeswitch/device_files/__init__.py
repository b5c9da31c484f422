"""The text of a device file and its name, read and written, with diagnostics. Imports nouns."""
