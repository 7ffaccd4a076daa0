"""The verbs of `python -m pipeline`; `pipeline.cli` collects them."""
