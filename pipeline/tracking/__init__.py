"""Runs in MLflow, the mirror of the journals on disk; the only package that imports mlflow.

One parent run for each workflow, one child run for each stage and seed, and for each table an
experiment with a run for each row. Stages write journals (`journal.py`) and know nothing of this:
the workflow's recorder follows the journals, a verb mirrors its own at its end, and `sync` mirrors
everything at any time.

Store: `MLFLOW_TRACKING_URI`, else `mlflow.db` (sqlite) in the working tree. Off:
`SHAPLEY_NAS_TRACKING=false`; the same files come out. What a run carries there, and why tables are
tags as well as experiments: `docs/tracking.md`.
"""
