"""Shapley-NAS as a workflow: architectures chosen by what each operation contributes."""

__version__ = "0.1.0"
