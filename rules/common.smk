"""Configuration, validated before any rule is defined, and the look-ups that rules use."""

import json
import os
import sys
from shlex import quote

sys.path.insert(0, workflow.basedir)
from pipeline.analysis import plan
from pipeline.config import jobs, load
from pipeline.config.experiments import KEPT, is_searched
from pipeline.machine import has_gpu, visible_gpus
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.nasbench import EMBEDDED, find_table

try:
    CONFIG = load.resolve(config)
    EXPERIMENTS = load.experiments(CONFIG)
    CONFIG = load.with_labels(CONFIG, EXPERIMENTS)
except InputError as error:
    # One line and exit code 2 instead of Snakemake's traceback.
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

RESULTS = f"results/{CONFIG.preset}"
CONFIGURED = {name: EXPERIMENTS[name] for name in CONFIG.experiments}
# What is checked and recorded once, before the first job.
WORKFLOW = jobs.workflow_job(CONFIG, jobs.datasets_of(CONFIGURED)).model_dump_json()
DATA_ROOT = os.environ.setdefault("SHAPLEY_NAS_DATA", CONFIG.data_root)
FOLDERS = [
    name
    for name in jobs.datasets_of(EXPERIMENTS)
    if jobs.find(name, CONFIG.datasets).kind == "folder"
]

FIGURES = [name for name, experiment in EXPERIMENTS.items() if experiment.figure]

# Where and how jobs run, not what they compute: it must not make finished results stale, so it
# goes through the environment and not through `params`.
os.environ.update(
    SHAPLEY_NAS_DEVICE=CONFIG.device,
    SHAPLEY_NAS_DETERMINISTIC=str(CONFIG.deterministic).lower(),
    SHAPLEY_NAS_TRACKING=str(CONFIG.tracking).lower(),
    SHAPLEY_NAS_EXPERIMENT=CONFIG.mlflow_experiment,
    SHAPLEY_NAS_RESULTS=RESULTS,
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
    PYTHONUNBUFFERED="1",
)
if CONFIG.cluster.local_disk:
    # Its variables ($TMPDIR) mean something on the node only: expanded there.
    os.environ.update(SHAPLEY_NAS_LOCAL_DISK=CONFIG.cluster.local_disk)
ON_GPU = has_gpu(CONFIG.device)
if workflow.is_main_process:
    # By which `track start` and a stage tell a workflow that lives from one that was killed.
    os.environ.update(SHAPLEY_NAS_CONTROLLER=str(os.getpid()))
    if ON_GPU and "gpu" not in workflow.global_resources:
        # One job a device; profiles/slurm leaves the counting to SLURM.
        workflow.register_resource("gpu", max(1, len(visible_gpus())))


wildcard_constraints:
    preset=CONFIG.preset,
    space="[A-Za-z0-9_]+",
    dataset="[A-Za-z0-9_]+",
    strategy="[A-Za-z0-9_]+",
    target="[A-Za-z0-9_]+",
    seed="[0-9]+",
    rseed="[0-9]+",


def slice_of(job, *names):
    """A `params` function: the JSON slice of the configuration that a stage reads."""

    def of(wildcards):
        return job(CONFIG, *(wildcards[name] for name in names)).model_dump_json()

    return of


def ask(stage):
    """The resources that the configuration gives a stage."""
    return getattr(CONFIG.resources, stage)


def grown(amount, limit=0):
    """What a retry asks for: once more with each attempt, up to a limit (0: none)."""

    def of(wildcards, attempt):
        return min(amount * attempt, limit) if limit else amount * attempt

    return of


def resources_of(stage, on_gpu=False):
    """What a rule of a stage asks for, locally and of a cluster; `processes` are ranks a node."""
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


def metrics_of(*experiments):
    """`metrics.json` of all stages that some experiments need."""
    folders = dict.fromkeys(
        folder
        for name in experiments
        for folder, _ in jobs.runs(CONFIG, EXPERIMENTS[name])
    )
    return [f"{RESULTS}/{folder}/metrics.json" for folder in folders]


def figures_of(*experiments):
    """The folders of the figures that some experiments draw."""
    return [
        f"{RESULTS}/report/figures/{name}" for name in experiments if name in FIGURES
    ]


def table_if_there(wildcards):
    """The table that knows a data set as an input, so that a query reruns when its source arrives."""
    found = find_table(DATA_ROOT, wildcards.dataset, CONFIG.nasbench_table)
    if found == EMBEDDED:
        return [os.path.relpath(found)]
    return ["results/{preset}/data/nas_bench_201/table.npy"] if found else []


def table_option(wildcards, input):
    """The option of a stage that looks into a table."""
    return f"--table {quote(str(input.table))}" if input.table else ""


def table_if_searched(wildcards):
    """The table for a strategy that looks accuracies up instead of training."""
    searched = wildcards.strategy in jobs.labels(CONFIG, needs_table=True)
    return table_if_there(wildcards) if searched else []


def strength_if_searched(wildcards):
    """The search before a genotype; a published one, a file or one kept of several has none."""
    if not is_searched(wildcards.strategy):
        return []
    return (
        "results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/strength.npz"
    )


def trials_if_kept(wildcards):
    """The trials of all seeds before the genotype that is kept of them."""
    if not wildcards.strategy.startswith(KEPT):
        return []
    base = f"results/{wildcards.preset}/{wildcards.space}/{wildcards.dataset}"
    label = wildcards.strategy.removeprefix(KEPT)
    return [f"{base}/{label}/seed{seed}/trial/metrics.json" for seed in CONFIG.seeds]


def keep_study():
    """Tell the tracking which tables there are, by a file: it is too long for a command."""
    study = jobs.report_job(CONFIG, [*EXPERIMENTS.values()])
    write_json(f"{RESULTS}/state/study.json", study.model_dump(mode="json"))
