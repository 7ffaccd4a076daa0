"""Random damage and odd values in all that a person hands in: `make fuzz` (tests/fuzz.py).

Each kind of input has whole examples, which are changed as bytes (bits, cuts, copies, hostile
words) and as values (a leaf of a tree becomes something odd), and a use of it as the program makes
it. A use must end, read or refused in a line, within a bound of time and memory, and may leave
nothing but whole files. Each kind runs in a process of its own, so that a crash of the interpreter
is seen as well. One line for each kind; exit code 1 and the input's path where a promise broke.
"""

import argparse
import contextlib
import copy
import io
import json
import multiprocessing
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline import cli, files, journal, networks, registry  # noqa: E402
from pipeline.config import load  # noqa: E402
from pipeline.config.recipes import SupernetSettings  # noqa: E402
from pipeline.config.yaml_text import read_yaml  # noqa: E402
from pipeline.data.images import open_images  # noqa: E402
from pipeline.data.spec import read_manifest  # noqa: E402
from pipeline.errors import InputError  # noqa: E402
from pipeline.nasbench import Table  # noqa: E402
from pipeline.networks.model_file import load_model, save_model  # noqa: E402
from pipeline.pickles import read_pickle  # noqa: E402
from pipeline.spaces.genotype import Genotype  # noqa: E402
from pipeline.supernet import build_supernet, saved  # noqa: E402
from pipeline.training import checkpoint  # noqa: E402
from tests.data.stand_ins import image_folder  # noqa: E402
from tests.nasbench.toys import write_toy_table  # noqa: E402

CPU_SECONDS = 30  # of one use
MOST_GROWTH = 600_000  # kB of memory over all uses of a kind, torch and pandas included
ARCH = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
WORDS = (b"nan", b"inf", b"-1", b"1e999", b"\0", b"\xff", b"[", b"{", b"*a", b"&a ", b": ", b"\n")
WORDS += (b"9" * 400, b"range(0, 1000000000)", b"../../etc/passwd", b"!!python/name:os.system")
ODD = (None, True, -1, 0, 10**8, 2**70, 0.5, float("nan"), float("inf"), "", "x", "../..", "\0")
ODD += ([], {}, [[]], {"a": 1}, ["x"] * 3, b"x")


@dataclass(frozen=True)
class Kind:
    """Whole examples of an input, and its use."""

    name: str  # of the file that is written
    examples: tuple[Any, ...]  # bytes, or values that `write` turns into bytes
    use: Callable[[Path], Any]  # what the program does with the file; reads it or complains
    write: Callable[[Any], bytes] = lambda value: json.dumps(value).encode()


def damaged(content: bytes, draws: random.Random) -> bytes:
    """Bytes after some random changes."""
    changed = bytearray(content)
    for _ in range(draws.choice((1, 1, 2, 5))):
        at, n = draws.randrange(len(changed) + 1), draws.choice((1, 4, 40, 400))
        kind = draws.randrange(5)
        if kind == 0 and changed:
            changed[min(at, len(changed) - 1)] ^= 1 << draws.randrange(8)
        elif kind == 1:
            del changed[at : at + n]
        elif kind == 2:
            changed[at:at] = changed[max(0, at - n) : at]
        elif kind == 3:
            changed[at:at] = draws.choice(WORDS)
        else:
            del changed[at:]
    return bytes(changed)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a tree has something that can be replaced."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, other in inner:
        yield from places(other, (*path, key))


def odd(value: Any, draws: random.Random) -> Any:
    """A tree with an odd value, or without a value, in a random place."""
    path = draws.choice([*places(value)])
    strange = draws.choice(ODD)
    if not path:
        return strange
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    if draws.random() < 0.2:
        del at[path[-1]]
    elif isinstance(at[path[-1]], torch.Tensor) and draws.random() < 0.7:
        shape = draws.choice(((), (0,), (3,), (2, 2)))
        at[path[-1]] = torch.full(shape, draws.choice((0.0, float("nan"))))
    else:
        at[path[-1]] = strange
    return value


def repacked(content: bytes, draws: random.Random) -> bytes:
    """An archive with one member damaged and the checksums right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = draws.choice([*members])
    members[chosen] = damaged(members[chosen], draws)
    stream = io.BytesIO()
    how = draws.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(stream, "w", how) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return stream.getvalue()


def hostile(kind: Kind, draws: random.Random) -> bytes:
    """One changed example of a kind."""
    example = draws.choice(kind.examples)
    if not isinstance(example, bytes) and draws.random() < 0.6:
        with contextlib.suppress(TypeError, ValueError, AttributeError, RuntimeError):
            return kind.write(odd(example, draws))
    content = example if isinstance(example, bytes) else kind.write(example)
    if content[:2] == b"PK" and draws.random() < 0.8:
        return repacked(content, draws)
    return damaged(content, draws)


def verb(*arguments: Any) -> None:
    """A verb of the command line in this process; any exit code but 0 and 2 is a fault."""
    sys.argv = ["pipeline", *map(str, arguments)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            cli.main()
    except SystemExit as end:
        lines = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
        if end.code == 2 and lines:
            raise InputError(*lines) from None
        if end.code:
            raise AssertionError(f"exit code {end.code}: {said.getvalue()}") from None


def kinds(folder: Path) -> list[Kind]:
    """All kinds, with examples that are made in a folder."""

    def tensors(value: Any) -> bytes:
        stream = io.BytesIO()
        torch.save(value, stream)
        return stream.getvalue()

    def arrays(value: Any) -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **{key: np.array(one) for key, one in value.items()})
        return stream.getvalue()

    network = networks.build(ARCH, "nasbench201", channels=2, cells=1)
    images = {"image_size": 8, "mean": [0.5] * 3, "std": [0.5] * 3, "class_names": None}
    save_model(folder / "whole.pt", network, networks.resolve(ARCH), "nasbench201", images)
    model = torch.load(folder / "whole.pt", weights_only=True)
    shape = SupernetSettings(channels=2, cells=1, partial_channels=1, include_none=True)
    space = registry.get("spaces", "nasbench201")(shape)
    saved.save(folder / "supernet.pt", build_supernet(space, shape, 3, seed=0), np.zeros(30))
    supernet = torch.load(folder / "supernet.pt", weights_only=True)
    check = {"settings": json.dumps({"a": 1}), "state": {"weights": {"weight": torch.ones(1, 3)}}}
    image_folder(folder / "pictures", ("cat", "dog"), (12, 10), 2)
    picture = (folder / "pictures/train/cat/0.jpg").read_bytes()
    pictures = f'datasets={{pictures: {{path: "{folder / "pictures"}", image_size: 8}}}}'
    write_toy_table(folder / "whole.csv")
    Table.load(folder / "whole.csv").save(folder / "whole.npy")
    manifest = {
        "name": "digits",
        "title": "t",
        "kind": "small",
        "path": "",
        "classes": 2,
        "class_names": ["a", "b"],
        "image_size": 8,
        "resize_size": None,
        "channels": 3,
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "n_train": 9,
        "n_test": 9,
        "fingerprint": "f",
    }
    events = [
        {"event": "start", "time": 1, "key": "k", "stage": "s", "name": "n", "experiment": "e"}
        | {"workflow": None, "params": {"a": "1"}, "tags": {"run": "r"}},
        {"event": "metrics", "time": 2, "step": 0, "values": {"loss": 0.5}},
        {"event": "artifact", "time": 3, "path": "x", "form": "file"},
        {"event": "end", "time": 4, "status": "FINISHED"},
    ]
    settings = [read_yaml(path) for path in sorted((ROOT / "config").glob("presets/*.yaml"))]
    published = networks.resolve("shapley_nas_cifar10")
    batch = {"data": np.zeros((2, 12), np.uint8), "labels": [0, 1], "name": "x"}

    def use_picture(path: Path) -> None:
        path.replace(folder / "pictures/train/cat/0.jpg")
        out = folder / "prepared"
        verb("prepare", "--dataset", "pictures", "--set", pictures, "--out", out)

    def use_journal(path: Path) -> None:
        found = journal.read(path)
        for run in [found] if found.events else []:
            _ = run.key, run.workflow, run.tags, run.status, run.artifacts, run.state
            _ = run.points, run.result

    def use_checkpoint(path: Path) -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            state = checkpoint.load(path, {"a": 1})
        for aside in path.parent.glob("*.damaged"):
            aside.unlink()
        if state is not None:
            with checkpoint.restoring(path):
                torch.nn.Linear(3, 1, bias=False).load_state_dict(state["weights"])

    def use_split(path: Path) -> None:
        open_images(manifest | {"n_train": 1000}, folder, "weights", path)

    yaml_bytes = lambda value: yaml.safe_dump(value).encode()  # noqa: E731
    text = lambda path: networks.resolve(path.read_text(errors="surrogateescape"))  # noqa: E731
    return [
        Kind("settings.yaml", tuple(settings), lambda p: load.resolve(read_yaml(p)), yaml_bytes),
        Kind("text.yaml", (b"a: &a [1, *a]\nb: {c: 1e3}\n", *settings), read_yaml, yaml_bytes),
        Kind("genotype.txt", (published.to_darts_text().encode(), ARCH.encode()), text),
        Kind("genotype.json", (published.to_json(),), lambda p: verb("profile", "--genotype", p)),
        Kind("cell.json", (Genotype.from_arch_string(ARCH).to_json(),), Genotype.load),
        Kind("table.csv", ((folder / "whole.csv").read_bytes(),), use_table(folder)),
        Kind("table.npy", ((folder / "whole.npy").read_bytes(),), Table.load),
        Kind("manifest.json", (manifest,), read_manifest),
        Kind("split.npz", ({"weights": [0, 1], "value": [2, 3]},), use_split, arrays),
        Kind("strength.npz", ({"strength": [0.5] * 30},), use_strength(folder, manifest), arrays),
        Kind("checkpoint.pt", (check,), use_checkpoint, tensors),
        Kind("model.pt", (model,), load_model, tensors),
        Kind("supernet.pt", (supernet,), saved.load, tensors),
        Kind("batch", (batch,), read_pickle, lambda value: pickle.dumps(value, 2)),
        Kind("journal.jsonl", (events,), use_journal, lines_of),
        Kind("metrics.csv", (b"a,b\n1,2\n", b'a,"b\n'), files.read_csv),
        Kind("image.jpg", (picture,), use_picture),
    ]


def lines_of(events: Any) -> bytes:
    """Events as a journal has them."""
    return "\n".join(json.dumps(event) for event in events).encode()


def use_table(folder: Path) -> Callable[[Path], None]:
    """Convert a table; what it leaves is whole."""

    def use(path: Path) -> None:
        out = folder / "converted.npy"
        out.unlink(missing_ok=True)
        verb("convert", "--source", path, "--out", out)
        Table.load(out)

    return use


def use_strength(folder: Path, manifest: dict[str, Any]) -> Callable[[Path], None]:
    """Choose a cell by strengths."""
    files.write_json(folder / "data.json", manifest)
    job = {"space": "nasbench201", "genotype": None, "layout": "nasbench201", "channels": 2}
    job |= {"cells": 1, "auxiliary": False, "supernet": {"include_none": True}}
    out = folder / "results" / "genotype"

    def use(path: Path) -> None:
        given = ("--manifest", folder / "data.json", "--strength", path, "--out", out)
        verb("genotype", "--job", json.dumps(job), *given)

    return use


def too_long(*_: Any) -> None:
    """What the timer of a use calls."""
    raise AssertionError(f"more than {CPU_SECONDS} s of CPU")


def left_over(folder: Path) -> list[str]:
    """Files that are being written under a temporary name, of which none may stay."""
    return [str(path) for path in folder.rglob(".*") if path.is_file()]


def work(kind: Kind, folder: Path, seconds: float, seed: int, queue: Any) -> None:
    """Try changed examples of a kind until its time is over; tell what became of them."""
    signal.signal(signal.SIGVTALRM, too_long)
    draws, outcomes = random.Random(f"{seed} {kind.name}"), Counter[str]()
    path, before = folder / kind.name, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    until, fault = time.monotonic() + seconds, ""
    while not fault and time.monotonic() < until:
        untouched = not outcomes and not isinstance(kind.examples[0], bytes)
        content = kind.write(kind.examples[0]) if untouched else hostile(kind, draws)
        path.write_bytes(content)
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
        try:
            kind.use(path)
            outcomes["read"] += 1
        except InputError as error:
            outcomes["refused"] += 1
            if untouched or "\n" in str(error):
                fault = f"a whole example is refused, or more than a line: {error}"
        except BaseException:
            fault = traceback.format_exc()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if grown > MOST_GROWTH:
            fault = f"{grown / 1000:.0f} MB of memory"
        if left := left_over(folder):
            fault = f"left half-written: {left}"
        if fault:
            (folder / f"fault-{kind.name}").write_bytes(content)
    queue.put(
        (dict(outcomes), fault, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
    )


def fuzz(seconds: float, seed: int, only: str = "") -> bool:
    """Fuzz all kinds, each for its share of the time; whether every promise was kept."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ |= {"SHAPLEY_NAS_TRACKING": "false", "SHAPLEY_NAS_DATA": str(folder)}
    chosen = [kind for kind in kinds(folder) if only in kind.name]
    context, kept = multiprocessing.get_context("fork"), True
    torch.set_num_threads(1)
    for kind in chosen:
        queue = context.SimpleQueue()
        share = seconds / len(chosen)
        process = context.Process(target=work, args=(kind, folder, share, seed, queue))
        process.start()
        process.join()
        outcomes, fault, grown = ({}, f"the process ended with {process.exitcode}", 0)
        if not queue.empty():
            outcomes, fault, grown = queue.get()
        kept &= not fault
        print(
            f"{kind.name:<16}{sum(outcomes.values()):>7} tried{outcomes.get('refused', 0):>7} "
            f"refused, {grown / 1000:.0f} MB"
            + (f"\n{folder}/fault-{kind.name}: {fault}" * bool(fault)),
            flush=True,
        )
    return kept


def main() -> None:
    """Read the options, and fuzz from the repository's root."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="in all")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--only", default="", help="part of a kind's name")
    given = parser.parse_args()
    os.chdir(ROOT)
    print(f"seed {given.seed}", flush=True)
    sys.exit(0 if fuzz(given.seconds, given.seed, given.only) else 1)


if __name__ == "__main__":
    main()
