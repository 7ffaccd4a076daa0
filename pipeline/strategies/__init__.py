"""Search strategies, one file each; `docs/add-a-strategy.md` shows how to add one.

Their settings are in `pipeline/registry/strategies/`.
"""
