"""Comparisons that the verb `bench` prints: each module has `rows() -> list[dict]`."""
