"""Damaged files and settings: each is read, or refused in one sentence, within 30 s and 2 GB.

Files of every format that is read, run folders and configurations are damaged (bytes changed, cut, doubled,
swapped for odd ones) and given to the reader in a forked process; some also to the command in a process of
its own. Any other end than exit code 0 or 2 is a failure. Five faults are put into the readers on purpose,
which the same inputs must find. The share of branches of the readers that inputs took is measured by tracing
their lines, over some of the inputs, as tracing is slow:

    OMP_NUM_THREADS=1 python benchmarks/fuzz.py
    OMP_NUM_THREADS=1 python benchmarks/fuzz.py --quick
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import fuzz_odd as odd
import torch
from branches import Tracer
from children import Table, child
from fuzz_subjects import SUBJECTS

import tsrep
from tests.conftest import TINY
from tests.hostile.test_fuzz import CONFIG
from tsrep.datasets import load
from tsrep.errors import TsrepError
from tsrep.registry import DATASETS
from tsrep.report import write_report
from tsrep.report.contents import read_run
from tsrep.runs.config import configure
from tsrep.runs.fit import fit
from tsrep.yaml_files import read_settings

ROOT = Path(__file__).parents[1]

ODD = (b"", b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"\n", b",", b"nan", b"1e999", b"-1", b"9" * 20,
       b"[" * 3000)  # fmt: skip
WORDS = (b"", b"nan", b"1e999", b"-1", b"0", b"1" * 30, b"abc", b"1.5", b" ", b"#", b"\xc2\xb5V",
         b"2024-13-45")  # fmt: skip
VALUES: tuple[Any, ...] = (None, "", "label", "nothing", -1, 0, 1, 0.5, 1e9, True, (), ("a", "b"),
                           {"a": "b"}, [[]])  # fmt: skip
SCORED = {"labels": [1.0], "subsample_by": ["sample"], "seeds": 1, "n_bootstrap": 100}  # of the run
FAULTS: dict[str, tuple[str, Callable[[], object]]] = {
    "traceback": ("yaml_files.read_yaml", lambda: {}["planted"]),
    "endless": ("datasets.tables.reading.read_text", lambda: sum(range(10**12))),
    "memory": ("array_files.read_arrays", lambda: len(b"\1" * 3_000_000_000)),
    "crash": ("reading.read_json", os.abort),
    "long message": ("yaml_files.read_yaml", lambda: _raise(TsrepError("planted\nmessage"))),
}


def _raise(error: Exception) -> None:
    raise error


class Inputs:
    """Whole files by subject, and damaged copies of them.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, subject in SUBJECTS.items():
            (folder / name).mkdir(parents=True)
            subject.write(folder / name)
        fit(TINY | {"evaluation": SCORED}, out=folder / "run", progress=False, evaluation=True)
        self.names = [*SUBJECTS, *["run"] * 4, *["configuration"] * 2]

    def work(self, number: int, place: Path) -> Callable[[], object]:
        """Damage something and read it; the same number is the same damage."""
        rng = random.Random(number)
        name = self.names[number % len(self.names)]
        if name == "configuration":
            place.mkdir(parents=True)
            text = rng.choice((CONFIG, CONFIG, CONFIG, rng.choice(odd.TEXTS))).encode()
            (place / "it.yaml").write_bytes(damaged(text, rng) if rng.random() < 0.8 else text)
            return lambda: configure(read_settings(place / "it.yaml", "configuration"))
        shutil.copytree(self.folder / name, place)
        files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != ".lock")
        if name == "run":  # half of them as a folder that has no manifest to notice it
            files = [path for path in files if path.name != "manifest.json"]
            if rng.random() < 0.5:
                (place / "manifest.json").write_text('{"format": 1, "sha256": {}}')
        often = 0.3 if name in SUBJECTS and SUBJECTS[name].odd else 0.9
        for path in rng.sample(files, 1) if rng.random() < often else ():
            ways = (damaged, misspelt, newer) if name == "run" else (damaged, misspelt)
            path.write_bytes(rng.choice(ways)(path.read_bytes(), rng))
            if rng.random() < 0.05:
                path.unlink()
        if name == "run":
            return partial(read_all, place, page=rng.random() < 0.1)
        settings = drawn_settings(name, number // len(self.names), rng)
        cache = place.with_name(f"{place.name}-cache")
        more = {"cache": cache, "progress": False, "strict": rng.random() < 0.15}
        return partial(load, SUBJECTS[name].dataset, place, **more, **settings)


def drawn_settings(name: str, turn: int, rng: random.Random) -> dict[str, Any]:
    """The next settings of a subject, now and then with one that nobody would give."""
    all_settings = SUBJECTS[name].settings
    settings = dict(all_settings[turn % len(all_settings)])
    if rng.random() < 0.15:
        fields = DATASETS.entry(SUBJECTS[name].dataset).settings.model_fields
        settings[rng.choice([field for field in fields if field != "name"])] = rng.choice(VALUES)
    return settings


def read_all(run: Path, page: bool) -> None:
    """All that is read of a run: its page, which never ends, then what may be refused, each by itself."""
    read_run(run)
    if page:
        write_report(run)
    opened = tsrep.Run(run)
    for read in (
        opened.objective,
        opened.loaded,
        lambda: opened.encoder_file,
        lambda: opened.config,
        lambda: opened.scores,
        lambda: opened.history,
    ):
        with suppress(TsrepError):
            read()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Some places of a file changed, most of them near its beginning."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        end = len(changed) if rng.random() < 0.3 else min(len(changed), 600)
        at = rng.randint(0, end)
        new = rng.choice(ODD) if rng.random() < 0.6 else rng.randbytes(rng.randint(1, 6))
        changed[at : at + rng.choice((0, 1, 1, 4, 8, 64))] = new
    return bytes(changed[: len(changed) // 2] if rng.random() < 0.15 else changed)


def misspelt(content: bytes, rng: random.Random) -> bytes:
    """Some words or cells replaced by odd ones, lines doubled or left out."""
    lines = content.splitlines(keepends=True)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(min(len(lines), 40)) if lines else 0
        parts = re.split(rb"([,;:=\t ]+)", lines[at]) if lines else [b""]
        parts[2 * rng.randrange((len(parts) + 1) // 2)] = rng.choice(WORDS)
        lines[at : at + 1] = rng.choice(([b"".join(parts)], [b"".join(parts)], [], lines[at : at + 1] * 2))
    return b"".join(lines)


def newer(content: bytes, rng: random.Random) -> bytes:
    """A format that a later version may write, and nothing of another kind in its place."""
    later = re.sub(rb'("format": "?[a-z./]*)\d+', rb"\g<1>99", content)
    return rng.choice((later, b"[]", b'{"format": []}'))


def planted(fault: str, work: Callable[[], object]) -> Callable[[], object]:
    """The work with a fault in a reader."""
    place, act = FAULTS[fault]
    module, _, name = place.rpartition(".")

    def faulty() -> None:
        own = import_module(f"tsrep.{module}")
        real = getattr(own, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            act()
            return real(*args, **kwargs)

        for other in [each for key, each in sys.modules.items() if key.startswith(("tsrep", "__main__"))]:
            if getattr(other, name, None) is real:
                setattr(other, name, wrapped)
        globals().update({name: wrapped} if name in globals() else {})
        work()

    return faulty


def traced(inputs: Inputs, numbers: range, place: Path) -> Tracer:
    """Branches that some inputs take."""
    tracer = Tracer()
    threading.settrace(tracer.call)
    sys.settrace(tracer.call)
    for number in numbers:
        with suppress(TsrepError):
            inputs.work(number, place / f"traced-{number}")()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    return tracer


def in_a_child(number: int, inputs: Inputs, folder: Path) -> str:
    """Damage and read in a forked process; what is wrong with how it ends, else nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    end = child(inputs.work(number, folder / str(number)))
    name = inputs.names[number % len(inputs.names)]
    return "" if end.right else f"{name}: {end.code}, {end.seconds:.0f} s, {end.text[-400:]}"


def as_command(number: int, inputs: Inputs, folder: Path) -> str:
    """The same by a command in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    inputs.work(number, place := folder / f"command-{number}")
    name = inputs.names[number % len(inputs.names)]
    if name == "run":
        words = ["evaluate", str(place)]
    elif name == "configuration":
        words = ["data", "check", "--config", str(place / "it.yaml")]
    else:
        settings = drawn_settings(name, number // len(inputs.names), random.Random(number))
        words = ["data", "check", SUBJECTS[name].dataset, "--root", str(place)]
        words += [
            w for key, value in settings.items() for w in ("--set", f"dataset.{key}={json.dumps(value)}")
        ]
    told: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 600}
    done = subprocess.run([sys.executable, "-m", "tsrep", *words], check=False, **told)
    wrong = done.returncode not in (0, 2) or "Traceback" in done.stderr
    return f"{name} as a command: {done.returncode} {done.stderr[-300:]}" if wrong else ""


def main() -> None:
    """Damage, read, and print one JSON line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--table", type=Path, help="how inputs ended, gone on with")
    parser.add_argument("--traced", type=int, default=1000, help="inputs whose branches are counted")
    parser.add_argument("--quick", action="store_true", help="100 inputs, and 4 of them as commands")
    given = parser.parse_args()
    inputs_wanted, commands = (100, 4) if given.quick else (given.inputs, given.commands)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ |= {"TSREP_DATA": f"{place}/data", "TSREP_CACHE": f"{place}/cache"}
        inputs = Inputs(place / "whole")
        table = Table(given.table or place / "table.jsonl")
        for number in range(given.first, given.first + inputs_wanted):
            table.ended(f"input {number}", partial(in_a_child, number, inputs, place / "now"))
        for number in range(given.first, given.first + commands):
            table.ended(f"command {number}", partial(as_command, number, inputs, place / "now"))
        found = [fault for fault in FAULTS if found_fault(fault, inputs, place)]
        tracer = traced(inputs, range(given.first, given.first + min(inputs_wanted, given.traced)), place)
    missed = sorted(set(FAULTS) - set(found))
    counts = Counter(name.partition(" ")[0] for name in table.rows)
    failures = {name: said for name, said in table.rows.items() if said}
    told = {"name": "fuzz", **counts, "failures": failures}
    print(json.dumps(told | {"planted": len(FAULTS), "missed": missed, "branches": round(tracer.share(), 3)}))
    sys.exit(bool(failures or missed))


def found_fault(fault: str, inputs: Inputs, place: Path) -> bool:
    """Whether some of the first inputs find a planted fault."""
    for number in range(2 * len(inputs.names)):
        out = place / f"planted-{fault.replace(' ', '-')}-{number}"
        if not child(planted(fault, inputs.work(number, out)), 35).right:
            return True
    return False


if __name__ == "__main__":
    main()
