"""Search strategies, one file each; `docs/add-a-strategy.md` shows how to add one.

What the configuration knows of them, their settings included, stands in
`pipeline/registry/strategies/`.
"""
