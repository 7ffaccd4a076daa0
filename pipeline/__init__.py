"""Neural architecture search by Shapley values (Shapley-NAS) as a Snakemake workflow."""

__version__ = "0.1.0"
