"""Faster forms of the supernet, tested against the readable form in `pipeline.supernet.cell`."""
