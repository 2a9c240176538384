"""Running the blocks of one page one after another."""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from tests.docs.checking import check_command, check_python
from tests.docs.snippets import PLACEHOLDER, ROOT, Snippet, commands
from tests.registered import look_again
from tsrep.cli import main
from tsrep.runs.compare.table import table_of
from tsrep.runs.config_files import assemble
from tsrep.studies.define.check import check_study
from tsrep.studies.define.definition import define


class Page:
    """What a reader has done so far on one page.

    Parameters
    ----------
    folder : Path
        The current folder, on ``sys.path``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""

    def follow(self, block: Snippet) -> None:
        """Run or check a block.

        Raises
        ------
        AssertionError
            Naming page and line.
        """
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
        if block.note in ("output", "numbers vary"):
            self._compare(block)
            return
        kinds: dict[str, Callable[[Snippet], None]] = {
            "bash": self._shell, "sh": self._shell, "python": self._python, "yaml": _read_yaml,
            "toml": lambda block: tomllib.loads(block.code) and None,
        }  # fmt: skip
        if block.language not in kinds:
            assert block.language in ("text", "csv"), f"{block.where}: nothing runs {block.language!r}"
            return
        if block.note == "needs" and block.language in ("yaml", "toml"):
            return
        try:
            kinds[block.language](block)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{block.where}: {type(error).__name__}: {error}") from error

    def _shell(self, block: Snippet) -> None:
        told = commands(block.code)
        self.printed = ""
        for command in told:
            if block.note == "needs" or PLACEHOLDER.search(command):
                check_command(command)
                continue
            code = self._command(command)
            expected = 2 if block.note == "refused" and command == told[-1] else 0
            assert code == expected, f"{command!r} ended with {code}, not {expected}:\n{self.printed}"

    def _command(self, command: str) -> int:
        words = shlex.split(command)
        match words:
            case ["tsrep", *arguments] if not set("|&;<>*") & set(command):
                return self._tsrep(arguments)
            case [setting, "tsrep", *arguments] if "=" in setting:
                name, _, value = setting.partition("=")
                with patch.dict(os.environ, {name: value}):
                    return self._tsrep(arguments)
            case ["pytest", path, "-q"]:
                tests = runpy.run_path(str(self.folder / path))
                for test in [tests[name] for name in tests if name.startswith("test_")]:
                    test()
                return 0
            case ["pip", *_] | ["make", *_] | ["git", *_] | ["python", "-m", "venv", *_]:
                check_command(command)
                if words[-2:] == ["-e", "."]:
                    _pretend_installed(self.folder)
                return 0
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        paths = f"{self.folder}{os.pathsep}{ROOT}"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=os.environ | {"PATH": tools, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        self.printed += done.stdout + done.stderr
        return done.returncode

    def _tsrep(self, arguments: list[str]) -> int:
        out, before = io.StringIO(), sys.argv
        sys.argv = ["tsrep", *arguments]
        try:
            with redirect_stdout(out), redirect_stderr(out):
                main()
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            sys.argv = before
            self.printed += out.getvalue()
        return 0

    def _python(self, block: Snippet) -> None:
        program = compile("\n" * (block.line - 1) + block.code, block.where, "exec")
        if block.note == "needs" or PLACEHOLDER.search(block.code):
            check_python(block.code)
        elif not block.title:
            out = io.StringIO()
            with redirect_stdout(out):
                exec(program, self.names)
            self.printed = out.getvalue()

    def _compare(self, block: Snippet) -> None:
        """Every line of a block is in what was printed, whatever the width of the terminal was."""
        printed = " ".join(self.printed.split())
        for line in filter(None, (" ".join(line.split()) for line in block.code.splitlines())):
            for part in filter(None, (part.strip() for part in line.split("…"))):
                there = part in printed if block.note == "output" else re.search(_pattern(part), printed)
                assert there, f"{block.where}: {part!r} was not printed, but:\n{self.printed}"


def _pattern(text: str) -> str:
    """Of text in which numbers with a fraction, their signs and the rules below headings may be others."""
    parts = re.split(r"([+−-]?\b\d+\.\d+|-{3,})", text)
    swap = {True: r"-{3,}", False: r"[+−-]?\d+\.\d+"}
    return "".join(swap[p.startswith("---")] if i % 2 else re.escape(p) for i, p in enumerate(parts))


def _read_yaml(block: Snippet) -> None:
    values = yaml.safe_load(block.code)
    if "study" in values:
        check_study(define(values, block.where))
    elif "encoders" in values:
        table_of(values)
    else:
        assemble(values)


def _pretend_installed(folder: Path) -> None:
    """What ``pip install -e .`` does when nothing is to be fetched: metadata on the path."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = re.sub(r"[-.]+", "_", project["name"])
    metadata = folder / f"{stem}-{project['version']}.dist-info"
    metadata.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(head, encoding="utf-8")
    groups = project["entry-points"].items()
    lines = [f"[{g}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for g, points in groups]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    look_again()
