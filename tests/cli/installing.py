"""Distributions that join through an entry point, as an installer would leave them."""

from __future__ import annotations

from pathlib import Path

from tests.registered import look_again


def install(site: Path, name: str, group: str, source: str) -> None:
    """A distribution of one module in a folder that is on the path."""
    module = name.replace("-", "_") + "_plugin"
    (site / f"{module}.py").write_text(source)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
    look_again()
