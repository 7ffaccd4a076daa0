"""The resources that rules request for a stage: threads, memory, time, devices."""


def ask(stage):
    """The configured resources of a stage."""
    return getattr(CONFIG.resources, stage)


def grown(amount, limit=0):
    """An amount that grows with each retry: amount times attempt, up to a limit (0: none)."""

    def of(wildcards, attempt):
        return min(amount * attempt, limit) if limit else amount * attempt

    return of


def resources_of(stage, on_gpu=False):
    """The resources of a stage's rule, locally and on a cluster; `processes` are ranks per node."""
    asked, cluster = ask(stage), CONFIG.cluster
    on_gpu = on_gpu and ON_GPU
    gpus, nodes = getattr(asked, "gpus", 1), getattr(asked, "nodes", 1)
    partition = on_gpu and cluster.gpu_partition or cluster.partition
    extra = ["--mail-type=FAIL", f"--mail-user={cluster.mail}"] if cluster.mail else []
    if on_gpu and nodes > 1:
        gpu = f"{cluster.gpu_type}:{gpus}" if cluster.gpu_type else gpus
        extra += [f"--gpus-per-node={gpu}", "--ntasks-per-node=1"]
    named = {
        "slurm_partition": partition,
        "slurm_account": cluster.account,
        "qos": cluster.qos,
        "gpu_model": on_gpu and cluster.gpu_type,
        "slurm_extra": " ".join(extra),
    }
    return {
        "mem_mb": grown(asked.mem_mb),
        "runtime": grown(asked.runtime, cluster.max_runtime),
        "gpu": gpus * nodes if on_gpu else 0,
        "nodes": nodes if on_gpu else 1,
        "processes": gpus if on_gpu else 1,
        **{name: value for name, value in named.items() if value},
    }
