"""Reads finished runs and makes tables, figures and reports, next to the paper's numbers."""
