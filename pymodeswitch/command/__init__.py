"""The command: arguments, output, exit codes; verbs/ has a module for each verb.

Imports doctor, early, learning, virtual and below.
"""
