"""The operation: switch(), its attempts and verdict, the port's state, many sticks at once.

Imports host, catalog and below.
"""
