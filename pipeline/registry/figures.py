"""The figures of the paper that we draw; `analysis/drawings.py` describes their signature."""
# Tested in tests/analysis/test_figures.py.

from __future__ import annotations

from pipeline.registry import Entry, add

add(
    "figures",
    Entry("figure2", "pipeline.analysis.figure2:figure2"),
    Entry("figure3", "pipeline.analysis.figure3:figure3"),
    Entry("figure4", "pipeline.analysis.figure4:figure4"),
    Entry("figure5", "pipeline.analysis.figure5:figure5"),
)
