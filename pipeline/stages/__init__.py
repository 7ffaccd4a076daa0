"""The stages of the workflow, one module each.

A stage reads and writes files. Verbs of `python -m pipeline` call the stages.
"""
