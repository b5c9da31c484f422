"""The operation: switch(), its attempts and verdict, the port's state, many sticks at once.

Imports catalog, host and below.
"""
