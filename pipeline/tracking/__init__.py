"""Runs in MLflow, the mirror of the journals on disk; the only package that imports mlflow.

Each workflow has a parent run, and each stage and seed a child run. Each table has an experiment
with a run for each row. Stages only write journals (`journal.py`) and do not know of MLflow. The
workflow's recorder follows the journals, a verb called by hand mirrors its own journals at its end,
and `sync` mirrors everything at any time.

Store: `MLFLOW_TRACKING_URI`, else `mlflow.db` (sqlite) in the working tree. Off:
`SHAPLEY_NAS_TRACKING=false`; this does not change the files of results. `docs/tracking.md`
describes the contents of a run in MLflow, and why tables are tags as well as experiments.
"""
