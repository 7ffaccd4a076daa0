"""Copies the journals on disk to runs in MLflow. No other package imports mlflow.

Stages only write journals (`journal.py`). The recorder of a workflow copies ("mirrors") them to
MLflow while they grow. A verb called by hand mirrors its journal when it ends. `sync` mirrors all
journals. `docs/tracking.md` describes the runs in MLflow.
"""
