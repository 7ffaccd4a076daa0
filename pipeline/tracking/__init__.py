"""Mirrors the journals on disk to runs in MLflow; the only package that imports mlflow.

Each workflow has a parent run, and each stage and seed has a child run. Each table has an
experiment with a run for each row. Stages only write journals (`journal.py`) and do not use MLflow.
The workflow's recorder follows the journals. A verb called by hand mirrors its own journals at its
end, and `sync` mirrors everything at any time.

The store is `MLFLOW_TRACKING_URI`, else `mlflow.db` (sqlite) in the working tree.
`SHAPLEY_NAS_TRACKING=false` turns mirroring off and leaves all result files the same.
`docs/tracking.md` describes the runs in MLflow, and why tables are both tags and experiments.
"""
