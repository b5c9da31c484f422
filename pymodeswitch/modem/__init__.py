"""What a switched modem is good for: the link to its port. Imports host and below."""
