"""The configuration, validated before any rule is defined, and functions that rules use."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from shlex import quote

# The package lies next to the rules, and jobs must find it there too. `workflow.basedir` would be
# wrong if another workflow imports this one, since it is the folder of that workflow.
HOME = os.path.dirname(str(workflow.current_basedir.get_path_or_uri(secret_free=True)))
if os.path.isdir(os.path.join(HOME, "pipeline")):
    sys.path.insert(0, HOME)
    others = filter(None, [os.getenv("PYTHONPATH")])
    os.environ.update(PYTHONPATH=os.pathsep.join([HOME, *others]))
elif find_spec("pipeline") is None:
    print("error: pip install this workflow's package first", file=sys.stderr)
    sys.exit(2)
from pipeline import moments
from pipeline.analysis import plan
from pipeline.config import code, jobs, layers, load, needs, planned, studies
from pipeline.config.trainings import is_folder
from pipeline.config.experiments import KEPT, is_searched
from pipeline.machine import has_gpu, visible_gpus
from pipeline.errors import InputError
from pipeline.files import check_writable, read_json, write_json
from pipeline.paths import (
    BENCHMARKS,
    DATA,
    DRAW,
    FORM,
    GENOTYPE,
    LOGS,
    NASBENCH_DIGITS,
    NASBENCH_TABLE,
    NETWORK,
    PLANNED,
    QUERIES,
    QUERY,
    RANKING,
    REMOVAL,
    REPORT,
    RETRAIN,
    ROOT,
    SEARCH,
    SEED,
    SEEDS,
    STUDY_FOLDER,
    SUMMARY,
    SUPERNET,
    TARGET_DATA,
    TRAINING,
    TRIAL,
    WALK,
)
from pipeline.registry.tables import EMBEDDED, find_table

try:
    if workflow.is_main_process:
        check_writable()
    CONFIG = load.resolve(config, layers=layers.layers_in(workflow, config))
    EXPERIMENTS = load.experiments(CONFIG)
    CONFIG = load.with_labels(CONFIG, EXPERIMENTS)
    STUDIES = studies.load_all(CONFIG.preset)
except InputError as error:
    # One line per fault and exit code 2, instead of Snakemake's traceback.
    print(*(f"error: {fault}" for fault in error.faults), sep="\n", file=sys.stderr)
    sys.exit(2)

RESULTS = ROOT.format(preset=CONFIG.preset)
PAGES = REPORT.format(preset=CONFIG.preset)
CONFIGURED = {name: EXPERIMENTS[name] for name in CONFIG.experiments}
# The slice for `track start`, which checks the data and opens the record before the first job.
WORKFLOW = jobs.workflow_job(CONFIG, needs.datasets_of(CONFIGURED)).model_dump_json()
DATA_ROOT = os.environ.setdefault("SHAPLEY_NAS_DATA", CONFIG.data_root)
FOLDERS = [
    name
    for name in sorted({*needs.datasets_of(EXPERIMENTS), *CONFIG.datasets})
    if is_folder(CONFIG, name)
]

FIGURES = [name for name, experiment in EXPERIMENTS.items() if experiment.figure]
CLAIMS = [name for name, experiment in EXPERIMENTS.items() if experiment.claims]

# These settings define where and how jobs run, not what they compute. A change must not make
# finished results stale, so they are passed through the environment and not through `params`.
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
    # Its variables ($TMPDIR) are defined only on the node, so they are expanded there.
    os.environ.update(SHAPLEY_NAS_LOCAL_DISK=CONFIG.cluster.local_disk)
ON_GPU = has_gpu(CONFIG.device)
if workflow.is_main_process:
    # `track start` and stages use it to tell a running workflow from a killed one.
    os.environ.update(SHAPLEY_NAS_CONTROLLER=str(os.getpid()))
    if ON_GPU and "gpu" not in workflow.global_resources:
        # Run one job per device; with profiles/slurm, SLURM counts the devices instead.
        workflow.register_resource("gpu", max(1, len(visible_gpus())))


wildcard_constraints:
    preset=CONFIG.preset,
    space="[A-Za-z0-9_]+",
    dataset="[A-Za-z0-9_]+",
    strategy="[A-Za-z0-9_]+",
    target="[A-Za-z0-9_]+",
    seed="[0-9]+",
    rseed="[0-9]+",
    repeats="[0-9]+",


def slice_of(job, *names):
    """A `params` function: the JSON slice of the configuration that a stage reads."""

    def of(wildcards):
        return job(CONFIG, *(wildcards[name] for name in names)).model_dump_json()

    return of


def code_of(job, *names):
    """A `params` function: digests of the code that a job uses, so that an edit reruns the job."""

    def of(wildcards):
        return code.digests(
            job(CONFIG, *(wildcards[name] for name in names)).model_dump()
        )

    return of


def keep_plan():
    """Write a file with the tables requested now or earlier; the tracking reads it."""
    path = Path(RESULTS, PLANNED)
    before = read_json(path)["experiments"] if path.exists() else []
    asked = [one["name"] for one in before if one["name"] in EXPERIMENTS]
    asked += needs.asked_for(CONFIG, targets(), EXPERIMENTS)
    plan_of_runs = planned.report_job(
        CONFIG, [EXPERIMENTS[name] for name in dict.fromkeys(asked)]
    )
    write_json(path, plan_of_runs.model_dump(mode="json"))


def targets():
    """The targets of the command, from an internal of Snakemake that other versions may lack."""
    settings = getattr(workflow, "dag_settings", None)
    return {*(getattr(settings, "targets", None) or ())}
