"""Copies the journals on disk to runs in MLflow; the only package that imports mlflow.

Each workflow has a parent run, and each stage and seed has a child run. Each table has an
experiment with a run for each row. Stages only write journals (`journal.py`) and do not use MLflow.
The recorder of a workflow copies ("mirrors") them to MLflow while they grow. A verb called by hand
mirrors its journal at its end, and `sync` mirrors everything at any time.

The store is `MLFLOW_TRACKING_URI`, else `mlflow.db` (sqlite) in the working tree.
`SHAPLEY_NAS_TRACKING=false` turns mirroring off; result files are not affected. `docs/tracking.md`
describes the runs in MLflow, and why tables are both tags and experiments.
"""
