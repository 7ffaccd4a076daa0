"""The verbs of `python -m pipeline`: a thin one a stage, and a few that look at what there is."""

from __future__ import annotations

import signal
import sys

import click

from pipeline.errors import InputError, explain
from pipeline.verbs import benchmark, looks, models, space, stages, study


@click.group(context_settings={"max_content_width": 100})
def cli() -> None:
    """Shapley-NAS: search, retrain and compare architectures by what each operation adds."""


for verb in (
    stages.prepare,
    stages.search,
    stages.genotype,
    stages.trial,
    stages.retrain,
    stages.transfer,
    stages.imagenet16,
    benchmark.query,
    benchmark.queries,
    benchmark.removal,
    benchmark.ranking,
    benchmark.convert,
    benchmark.digits_table,
    study.report,
    study.draw,
    study.plan,
    study.measurements,
    study.compare,
    study.sync,
    study.track,
    study.config,
    looks.list_,
    looks.profile,
    looks.bench,
    models.export,
    models.cost,
    space.disk,
    space.clean_state,
):
    cli.add_command(verb)


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
    except (OSError, MemoryError, RuntimeError) as error:
        line = explain(error)
        if line is None:
            raise
        sys.exit(_complain(f"error: {line}"))


def _complain(line: str) -> int:
    print(line, file=sys.stderr)
    return 2
