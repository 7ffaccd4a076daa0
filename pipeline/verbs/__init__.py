"""The verbs of `python -m pipeline`; `pipeline.__main__` collects them."""
