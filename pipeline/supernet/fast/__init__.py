"""Faster forms of the supernet. The readable form in `pipeline.supernet.cell` is their oracle."""
