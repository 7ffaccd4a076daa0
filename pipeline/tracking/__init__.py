"""Copies the journals on disk to runs in MLflow. No other package imports mlflow.

A workflow is a parent run in MLflow, with a child run for each of its stages and seeds. Each table
of the report is an MLflow experiment with a run for each row. Stages only write journals
(`journal.py`) and do not use MLflow. The recorder of a workflow copies ("mirrors") the journals to
MLflow while they grow. A verb called by hand mirrors its journal when it ends. `sync` mirrors all
journals at any time.

The MLflow store is `MLFLOW_TRACKING_URI`, or `mlflow.db` (sqlite) in the working tree by default.
`SHAPLEY_NAS_TRACKING=false` turns mirroring off; result files are not affected. `docs/tracking.md`
describes the runs in MLflow, and why a table is recorded both as tags and as an experiment.
"""
