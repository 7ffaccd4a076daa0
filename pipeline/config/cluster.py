"""Settings of a cluster, read from `config/cluster.yaml`."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

from pipeline.settings import OURS, Settings, setting

# These words reach the command line of `sbatch`, so they must not contain shell characters.
WORD = r"^[A-Za-z0-9_.,-]*$"
ADDRESS = r"^([A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+)?$"


class ClusterSettings(Settings):
    """Names and limits of your cluster; an empty name means the cluster's default."""

    partition: str = setting("", "partition of CPU jobs", OURS, pattern=WORD)
    gpu_partition: str = setting("", "partition of GPU jobs; empty: the same", OURS, pattern=WORD)
    account: str = setting("", "account that is charged", OURS, pattern=WORD)
    qos: str = setting("", "quality of service", OURS, pattern=WORD)
    gpu_type: str = setting("", "type of the GPUs, e.g. a100", OURS, pattern=WORD)
    mail: str = setting("", "address that gets mail about failed jobs", OURS, pattern=ADDRESS)
    max_runtime: int = setting(0, "most minutes that a retry may request; 0: no limit", OURS, ge=0)
    local_disk: str = setting(
        "", "folder on the node's local disk for a copy of image folders; variables allowed", OURS
    )
