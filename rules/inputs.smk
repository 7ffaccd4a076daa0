"""Input functions: the runs of experiments, and optional inputs such as a table or a search."""


def metrics_of(*experiments):
    """`metrics.json` of all stages that some experiments need."""
    runs = needs.all_runs(CONFIG, (EXPERIMENTS[name] for name in experiments))
    return [f"{RESULTS}/{run.folder}/metrics.json" for run in runs]


def figures_of(*experiments):
    """The folders of the figures that some experiments draw, and of the claims that they judge."""
    made = {"figures": FIGURES, "claims": CLAIMS}
    return [
        f"{PAGES}/{kind}/{name}"
        for name in experiments
        for kind, names in made.items()
        if name in names
    ]


def report_of_experiment(wildcards):
    """The JSON slice from which the figures and the verdicts of an experiment are made."""
    return planned.report_job(
        CONFIG, [EXPERIMENTS[wildcards.experiment]]
    ).model_dump_json()


def table_if_there(wildcards):
    """The table of a data set as an input, so that a query reruns once there is a table."""
    return table_of(wildcards.dataset)


def table_of(dataset):
    """The table that has a data set, if there is one."""
    found = find_table(DATA_ROOT, dataset, CONFIG.nasbench_table)
    if found == EMBEDDED:
        return [os.path.relpath(found)]
    return [NASBENCH_TABLE] if found else []


def table_option(wildcards, input):
    """The command-line option of a stage that reads a table."""
    return f"--table {quote(str(input.table))}" if input.table else ""


def table_if_searched(wildcards):
    """The table, if the strategy looks accuracies up instead of training."""
    searched = wildcards.strategy in jobs.labels(CONFIG, needs_table=True)
    return table_if_there(wildcards) if searched else []


def manifest_if_trained(wildcards):
    """The manifest of the images, if the strategy trains a supernet."""
    trained = wildcards.strategy in jobs.labels(CONFIG, trains_supernet=True)
    return f"{DATA}/manifest.json" if trained else []


def strength_if_searched(wildcards):
    """The search of a genotype; published, given and kept genotypes have none."""
    if not is_searched(wildcards.strategy):
        return []
    return f"{SEARCH}/strength.npz"


def trials_if_kept(wildcards):
    """The trials of all seeds, which decide the genotype that is kept."""
    if not wildcards.strategy.startswith(KEPT):
        return []
    searched = {**wildcards, "strategy": wildcards.strategy.removeprefix(KEPT)}
    place = (searched["space"], searched["dataset"], searched["strategy"])
    return [
        f"{TRIAL}/metrics.json".format(**searched | {"seed": seed})
        for seed in needs.seeds_of(CONFIG, EXPERIMENTS.values(), *place)
    ]


def of_study(job, *names):
    """A `params` function: the JSON slice of a study that a stage reads."""

    def of(wildcards):
        study = STUDIES[wildcards.study]
        return job(study, *(wildcards[name] for name in names)).model_dump_json()

    return of


def code_of_study(job, *names):
    """A `params` function: digests of the code that a job of a study uses."""

    def of(wildcards):
        study = STUDIES[wildcards.study]
        return code.digests(
            job(study, *(wildcards[name] for name in names)).model_dump()
        )

    return of


def data_of_study(file):
    """An `input` function: a prepared file of the data set of a study."""
    return lambda wildcards: f"{DATA}/{file}".format(
        preset=wildcards.preset, dataset=STUDIES[wildcards.study].dataset
    )


def results_of_study(wildcards):
    """`metrics.json` of all runs that the measurements of a study are made from."""
    folders = STUDIES[wildcards.study].folders()
    return [f"{RESULTS}/{folder}/metrics.json" for folder in folders]


def table_of_study(wildcards):
    """The table that has the data set of a study, if there is one and the study may read it."""
    study = STUDIES[wildcards.study]
    return [] if study.trials or study.games else table_of(study.dataset)
