"""Which branches of the readers are taken, by tracing their lines."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERIES = ("series_csv.py", "table.py", "time_axis.py")
EEG = ("edf_header.py", "brainvision_header.py", "spans.py", "reading.py", "plan.py", "folder.py")
READERS = ("datasets/formats", "datasets/tables", *(f"datasets/series/{name}" for name in SERIES),
           *(f"datasets/eeg/{name}" for name in EEG),
           "reading.py", "array_files.py", "yaml_files.py")  # fmt: skip


def branches(path: Path) -> dict[int, int]:
    """The first line of what can go two ways, by each of its lines up to the colon."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If | ast.While | ast.For):
            last = node.iter if isinstance(node, ast.For) else node.test
            found |= dict.fromkeys(range(node.lineno, (last.end_lineno or 0) + 1), node.lineno)
    return found


class Tracer:
    """Follows which line comes after which in the readers."""

    def __init__(self) -> None:
        paths = [ROOT / "tsrep" / name for name in READERS]
        files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
        self.wanted = {str(file): branches(file) for file in files}
        self.taken: dict[tuple[str, int], set[int]] = defaultdict(set)

    def call(self, frame: Any, _event: str, _arg: Any) -> Any:
        """For ``settrace``: lines are followed in the readers alone."""
        heads = self.wanted.get(file := frame.f_code.co_filename)
        if heads is None:
            return None
        before = [0]

        def line(frame: Any, event: str, _arg: Any) -> Any:
            if event in ("line", "return"):
                now = frame.f_lineno if event == "line" else -1
                if before[0] in heads and heads.get(now) != heads[before[0]]:
                    self.taken[file, heads[before[0]]].add(now)
                before[0] = now
            return line

        return line

    def ways(self) -> dict[str, tuple[int, int]]:
        """Ways that were taken and ways that there are, by file."""
        heads = {file: set(of_lines.values()) for file, of_lines in self.wanted.items()}
        taken = {file: sum(min(2, len(self.taken[file, head])) for head in of) for file, of in heads.items()}
        return {file: (taken[file], 2 * len(of)) for file, of in heads.items()}

    def share(self) -> float:
        """Of the ways, those that were taken."""
        taken, all_ways = map(sum, zip(*self.ways().values(), strict=True))
        return taken / all_ways
