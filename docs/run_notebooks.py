"""Runs every notebook of the documentation and writes what its cells show into the built site.

    python docs/run_notebooks.py [SITE]

Cells run in order in one process as in a notebook; an error ends with the cell it came from. With ``SITE``, a
folder, a copy with outputs is written to ``SITE/notebooks``.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl

NOTEBOOKS = Path(__file__).parent / "notebooks"


def main() -> None:
    """Run them."""
    mpl.use("agg")
    warnings.simplefilter("error")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        begun = time.monotonic()
        notebook = json.loads(path.read_text(encoding="utf-8"))
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for number, cell in enumerate(notebook["cells"], 1):
            if cell["cell_type"] == "code":
                cell["execution_count"] = number
                cell["outputs"] = executed("".join(cell["source"]), namespace, f"{path.name}, cell {number}")
        print(f"{path.name}: {time.monotonic() - begun:.0f} s", flush=True)
        if len(sys.argv) > 1:
            place = Path(sys.argv[1]) / "notebooks" / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def executed(source: str, namespace: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Outputs of a cell: what it prints, its figures, and its last expression unless a semicolon ends it."""
    import matplotlib.pyplot as plt

    tree = ast.parse(source, where)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, where, "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), where, "eval"), namespace)
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed.getvalue()}] * bool(
        printed.getvalue()
    )
    if value is not None and not source.rstrip().endswith(";"):
        outputs.append(shown(value))
    for number in plt.get_fignums():
        stream = io.BytesIO()
        plt.figure(number).savefig(stream, format="png", dpi=90)
        data = {"image/png": base64.b64encode(stream.getvalue()).decode("ascii")}
        outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
    plt.close("all")
    return outputs


def shown(value: Any) -> dict[str, Any]:
    """A value as a notebook shows it."""
    data = {"text/plain": repr(value)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_()
    return {"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data}


if __name__ == "__main__":
    main()
