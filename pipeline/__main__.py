"""`python -m pipeline VERB`: one thin verb a stage, and a few that look at what there is."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from pipeline import files, registry
from pipeline.config import jobs
from pipeline.errors import InputError
from pipeline.options import (
    config_options,
    configuration,
    data_root_of,
    data_root_option,
    job_from,
    job_option,
    manifest_of,
    out_option,
    required,
    where_options,
)


@click.group(context_settings={"max_content_width": 100})
def cli() -> None:
    """Shapley-NAS: search, retrain and compare architectures by what each operation adds."""


@cli.command()
@click.option("--dataset", help="name of the data set (`list datasets`)")
@click.option("--download", is_flag=True, help="fetch missing files where torchvision can")
@job_option
@data_root_option
@out_option
@config_options
def prepare(dataset: str | None, download: bool, job: str | None, **options: Any) -> None:
    """Check a data set's files, and write its manifest and its split."""
    from pipeline.stages import prepare as stage

    config = _configuration(options)
    slice_ = job_from(
        job, jobs.PrepareJob, lambda: jobs.prepare_job(config, _need(dataset=dataset))
    )
    out = options["out"] or Path("results", config.preset, "data", slice_.dataset)
    stage.run(slice_, data_root_of(options["data_root"], config), out, download or config.download)


@cli.command()
@click.option("--space", help="name of the space (`list spaces`)")
@click.option("--dataset", help="name of the data set")
@click.option("--strategy", help="strategy label")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--manifest", type=Path, help="manifest.json of the data set")
@job_option
@data_root_option
@out_option
@where_options
@config_options
def search(
    space: str | None,
    dataset: str | None,
    strategy: str | None,
    seed: int,
    manifest: Path | None,
    job: str | None,
    **options: Any,
) -> None:
    """Train a supernet with a strategy; resumes after the last whole epoch."""
    config = _configuration(options)
    slice_ = job_from(
        job,
        jobs.SearchJob,
        lambda: jobs.search_job(config, _need(space=space), _need(strategy=strategy)),
    )
    manifest = manifest_of(manifest, config, dataset)
    out = options["out"] or _base(config, slice_.space, dataset, strategy, seed) / "search"
    device = _configure(options)
    from pipeline.stages import search as stage

    root = data_root_of(options["data_root"], config)
    stage.run(
        slice_, seed, files.read_json(manifest), manifest.with_name("split.npz"), root, out, device
    )


@cli.command()
@click.option("--space", help="name of the space")
@click.option("--dataset", help="name of the data set searched on")
@click.option("--strategy", help="strategy label, published_NAME or file_NAME")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--manifest", type=Path, help="manifest.json of the data set")
@click.option("--strength", type=Path, help="strength.npz of a search")
@job_option
@out_option
@config_options
def genotype(
    space: str | None,
    dataset: str | None,
    strategy: str | None,
    seed: int,
    manifest: Path | None,
    strength: Path | None,
    job: str | None,
    **options: Any,
) -> None:
    """Discretise a search or take a genotype from elsewhere; draw, count and build it."""
    from pipeline.stages import genotype as stage

    config = _configuration(options)
    slice_ = job_from(
        job,
        jobs.GenotypeJob,
        lambda: jobs.genotype_job(
            config, _need(space=space), _need(dataset=dataset), _need(strategy=strategy)
        ),
    )
    manifest = manifest_of(manifest, config, dataset)
    base = options["out"] or _base(config, slice_.space, dataset, strategy, seed) / "genotype"
    if slice_.genotype is None and strength is None:
        strength = base.parent / "search" / "strength.npz"
    stage.run(slice_, seed, files.read_json(manifest), strength, base)


def _train_verb(name: str, model: Any, build: Any, text: str) -> None:
    """Define `retrain` and `transfer`: one stage, two recipes."""

    @cli.command(name, help=text)
    @click.option(
        "--genotype", "source", help="genotype.json, published name or NAS-Bench-201 string"
    )
    @click.option("--space", default="darts", show_default=True, help="space of the genotype")
    @click.option("--target", help="data set to train on")
    @click.option("--seed", type=int, default=0, show_default=True)
    @click.option("--manifest", type=Path, help="manifest.json of the target")
    @job_option
    @data_root_option
    @out_option
    @where_options
    @config_options
    def command(
        source: str | None,
        space: str,
        target: str | None,
        seed: int,
        manifest: Path | None,
        job: str | None,
        **options: Any,
    ) -> None:
        config = _configuration(options)
        slice_ = job_from(job, model, lambda: build(config, space, _need(target=target)))
        manifest = manifest_of(manifest, config, target)
        required(genotype=source, out=options["out"])
        device = _configure(options)
        from pipeline.stages import retrain as stage

        root = data_root_of(options["data_root"], config)
        content = files.read_json(manifest)
        stage.run(name, slice_, seed, _need(genotype=source), content, root, options["out"], device)


_train_verb(
    "retrain",
    jobs.RetrainJob,
    jobs.retrain_job,
    "Train a genotype from scratch on small images; the test set is looked at once, at the end.",
)
_train_verb(
    "transfer",
    jobs.TransferJob,
    jobs.transfer_job,
    "Train a genotype on a folder of images by the ImageNet recipe.",
)


@cli.command()
@click.option("--table", type=Path, help="compact NAS-Bench-201 table (.csv or .csv.gz)")
@click.option("--index", type=int, help="official index of the architecture")
@click.option("--arch", help="architecture string |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
@click.option("--genotype", "source", type=Path, help="genotype.json")
@click.option("--out", type=Path, help="folder of the results; else JSON on stdout")
def query(
    table: Path | None, index: int | None, arch: str | None, source: Path | None, out: Path | None
) -> None:
    """Look an architecture up in the NAS-Bench-201 table; values in percent as published."""
    from pipeline.stages import query as stage

    if sum(value is not None for value in (index, arch, source)) != 1:
        raise InputError("query: give exactly one of --index, --arch, --genotype")
    if out is None:
        print(json.dumps(stage.look_up(_need(table=table), index, arch, source), indent=2))
    else:
        stage.run(_need(genotype=source), table, out)


@cli.command()
@click.option("--results", type=Path, default=Path("results/demo"), show_default=True)
@click.option("--page", default="index", show_default=True, help="index or an experiment's name")
@click.option("--measurements", type=Path, help="render this folder as docs/results.md instead")
@job_option
@click.option("--out", type=Path, required=True, help="the page to write")
@config_options
def report(
    results: Path, page: str, measurements: Path | None, job: str | None, out: Path, **options: Any
) -> None:
    """Write the self-contained HTML report, or the page of committed measurements."""
    from pipeline.stages import report as stage

    if measurements:
        stage.write_results_page(measurements, out)
        return
    slice_ = job_from(job, jobs.ReportJob, lambda: _report_job(_configuration(options), page))
    stage.run(slice_, results, out)


@cli.command()
@click.argument("results", type=Path)
@click.option("--format", "form", type=click.Choice(["text", "csv", "json"]), default="text")
def compare(results: Path, form: str) -> None:
    """Compare strategies over seeds: mean, deviation, interval, paired differences."""
    from pipeline.analysis import compare as analysis

    print(analysis.render(results, form))


@cli.command("list")
@click.argument(
    "kind",
    type=click.Choice(
        ["datasets", "spaces", "strategies", "estimators", "genotypes", "experiments"]
    ),
)
def list_(kind: str) -> None:
    """List what is registered, one name a line."""
    if kind == "experiments":
        known = sorted(path.stem for path in Path("config/experiments").glob("*.yaml"))
    else:
        known = registry.names(kind)
    print("\n".join(known))


@cli.command()
@click.option("--genotype", "source", required=True, metavar="NAME|FILE|ARCH")
@click.option(
    "--layout", type=click.Choice(["cifar10", "imagenet", "nasbench201"]), default="cifar10"
)
@click.option("--classes", type=int, help="number of classes [10; ImageNet 1000]")
@click.option("--channels", type=int, help="channels of the first cell [the layout's]")
@click.option("--cells", type=int, help="number of cells [the layout's]")
@click.option("--image-size", type=int, help="side of the images [32; ImageNet 224]")
def profile(source: str, layout: str, **sizes: int | None) -> None:
    """Count parameters and multiply-adds of a discrete network."""
    from pipeline.networks.count import profile_genotype

    print(json.dumps(profile_genotype(source, layout, **sizes)))


@cli.command()
@click.option("--results", type=Path, default=Path("results"), show_default=True)
def sync(results: Path) -> None:
    """Complete the MLflow record from the journals on disk, without duplicates."""
    from pipeline import tracking

    print(json.dumps(tracking.sync(results)))


@cli.command()
@click.argument("when", type=click.Choice(["start", "finish"]))
@click.option("--status", type=click.Choice(["FINISHED", "FAILED"]), default="FINISHED")
@job_option
@data_root_option
@config_options
def track(when: str, status: str, job: str | None, **options: Any) -> None:
    """Open or close a workflow run: data checked, MLflow store and parent run made once."""
    from pipeline.stages import workflow

    config = _configuration(options)
    results = Path(os.environ.get("SHAPLEY_NAS_RESULTS", f"results/{config.preset}"))
    if when == "start":
        slice_ = job_from(job, jobs.WorkflowJob, lambda: jobs.workflow_job(config, ()))
        workflow.start(slice_, data_root_of(options["data_root"], config), results)
    else:
        workflow.finish(results, status)


@cli.command("config")
@click.option("--folder", type=Path, default=Path("config"), show_default=True)
def config_(folder: Path) -> None:
    """Write config.yaml and schema.json from the models."""
    from pipeline.config import generate

    generate.write(folder)


def _configuration(options: dict[str, Any]) -> Any:
    config = configuration(options["preset"], options["configfile"], options["assignments"])
    # By hand as in the workflow: checkpoints and journals lie in the preset's `state` folder.
    os.environ.setdefault("SHAPLEY_NAS_RESULTS", f"results/{config.preset}")
    return config


def _configure(options: dict[str, Any]) -> str:
    """Set torch up once, before anything else uses it; the device's name."""
    from pipeline.training.device import configure

    configure(options["threads"], options["deterministic"])
    return options["device"]


def _need(**option: Any) -> Any:
    required(**option)
    return next(iter(option.values()))


def _base(config: Any, space: str, dataset: Any, strategy: Any, seed: int) -> Path:
    required(dataset=dataset, strategy=strategy)
    return Path("results", config.preset, space, dataset, strategy, f"seed{seed}")


def _report_job(config: Any, page: str) -> Any:
    from pipeline.config import load

    found = load.experiments(config)
    chosen = config.experiments if page == "index" else (page,)
    if page != "index" and page not in found:
        raise InputError(f"report: no experiment {page!r}; {registry.nearest(page, [*found])}")
    return jobs.report_job(config, [found[name] for name in chosen])


def main() -> None:
    """Run a verb; what the user can mend is one line on stderr and exit code 2."""
    # A cluster's SIGTERM unwinds the stack, so that open runs are closed as failed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        cli(standalone_mode=False)
    except InputError as error:
        sys.exit(_complain(f"error: {error}"))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)


def _complain(line: str) -> int:
    print(line, file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
