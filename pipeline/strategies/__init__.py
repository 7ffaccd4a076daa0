"""Search strategies, one file each; `docs/add-a-strategy.md` shows how to add one.

Their settings, and everything else that the configuration reads about them, are in
`pipeline/registry/strategies/`.
"""
