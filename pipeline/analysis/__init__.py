"""Reads runs from disk and makes intervals, tables with the paper's numbers, figures, reports."""
