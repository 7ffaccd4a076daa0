"""The verbs (subcommands) of `python -m pipeline`: the stages, and others such as `list`."""
# Tested in tests/verbs/test_verbs.py.

from __future__ import annotations

import ast
import io
import signal
import sys
from pathlib import Path

import click

from pipeline import __version__, journal
from pipeline.errors import InputError, explain
from pipeline.registry import nearest, resolve

# Module of `pipeline.verbs` -> its verbs. Only the module of the called verb is imported, so verbs
# that train nothing do not load torch.
MODULES: dict[str, tuple[str, ...]] = {
    "data": ("prepare", "imagenet16"),
    "stages": (
        *("search", "genotype", "trial", "retrain", "transfer"),
        *("removal", "queries", "digits-table"),
    ),
    "benchmark": ("query", "ranking", "convert"),
    "studies": ("walk", "estimate", "summarise"),
    "reports": ("report", "draw", "plan", "claims"),
    "docs": ("measurements", "fidelity", "coverage", "cost", "config", "bench"),
    "record": ("sync", "track", "compare"),
    "looks": ("list", "gpu-check"),
    "models": ("profile", "export", "predict", "evaluate"),
    "space": ("disk", "clean-state"),
    "project": ("init", "report-bug"),
}
VERBS = {verb: module for module, verbs in MODULES.items() for verb in verbs}
# Groups of verbs in `--help`; all other verbs are listed there as internal.
EVERYDAY = (
    *("list", "plan", "prepare", "search", "genotype", "query", "retrain", "transfer"),
    *("evaluate", "predict", "export", "profile", "report", "compare"),
    *("sync", "disk", "clean-state"),
)
ANALYSIS = (
    *("removal", "ranking", "queries", "trial", "walk", "estimate", "summarise"),
    *("draw", "coverage", "bench", "gpu-check"),
)


class Verbs(click.Group):
    """A group of commands that are imported on first use."""

    def list_commands(self, context: click.Context) -> list[str]:
        """All verbs, sorted."""
        return sorted(VERBS)

    def get_command(self, context: click.Context | None, name: str) -> click.Command | None:
        """One verb; raises `InputError` for an unknown name."""
        if name not in VERBS:
            raise InputError(f"no verb {name!r:.80}; {nearest(name, [*VERBS])}")
        command: click.Command = resolve(f"pipeline.verbs.{VERBS[name]}:{_function(name)}")
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List each verb with the first line of its docstring."""
        docs = {}
        for module in MODULES:
            source = Path(__file__).parent.joinpath("verbs", f"{module}.py").read_text("utf-8")
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef):
                    docs[node.name] = (ast.get_docstring(node) or "").partition("\n")[0]
        internal = sorted(VERBS.keys() - {*EVERYDAY, *ANALYSIS})
        groups = {"Everyday": EVERYDAY, "Analysis": ANALYSIS, "Internal": internal}
        for title, names in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name, docs[_function(name)]) for name in names])


@click.group(cls=Verbs, context_settings={"max_content_width": 100})
@click.version_option(__version__, package_name="shapley-nas")
def cli() -> None:
    """Shapley-NAS: search for network architectures, retrain them and compare the results."""


def main() -> None:
    """Run a verb; errors that the user can fix give one line on stderr and exit code 2."""
    exit_on_sigterm()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # some locales have no `±`
    try:
        cli(standalone_mode=False)
    except InputError as error:
        sys.exit(_complain(*error.faults))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        named = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        sys.exit(_complain(f"{error.format_message().rstrip('.')}; see {named} --help"))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (OSError, MemoryError, RuntimeError) as error:
        line = explain(error)
        if line is None:
            raise
        sys.exit(_complain(line))
    finally:
        if journal.BEGUN_HERE:
            from pipeline.tracking import recorder  # not imported by verbs that run no stage

            recorder.mirror_own()


def exit_on_sigterm() -> None:
    """Raise SystemExit on SIGTERM, which clusters send, so that open journals end as FAILED."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _function(verb: str) -> str:
    """The name of a verb's function; `list` is a built-in."""
    return "list_" if verb == "list" else verb.replace("-", "_")


def _complain(*lines: str) -> int:
    for line in lines:
        print(f"error: {line}", file=sys.stderr)
    return 2
