"""The figure of an attribution, with its numbers beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tsrep.array_files import write_arrays
from tsrep.files import write_json
from tsrep.inspect.attribution.figure import figure_attribution
from tsrep.inspect.attribution.numbers import attribute
from tsrep.inspect.figures.style import file_kind, save_figure
from tsrep.runs.references.reference import resolve
from tsrep.runs.shown import figure_folder


def plot_attribution(
    encoder: Any, recording: Any = None, *, out: Path | str | None = None, **options: Any
) -> Path:
    """Plot which leads and moments of a recording speak for a class and which against it.

    Parameters
    ----------
    encoder : Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    recording : str, Path or Panel, optional
        As :func:`tsrep.predict` takes it; by default the test part of the run's own data.
    out : Path, optional
        Ends in ``.png``, ``.pdf`` or ``.svg``; by default ``figures/attribution.png`` in the run folder, and
        of another recording ``attribution.png`` where you are.
    **options
        See :func:`tsrep.inspect.attribution.numbers.attribute`, such as ``record`` and ``label``.

    Returns
    -------
    Path
        Of the figure. Beside it: sums (``.json``) and all shares with the signal (``.npz``).

    Raises
    ------
    TsrepError
        See :func:`~tsrep.inspect.attribution.numbers.attribute`; or when the file's ending is none of these.
    """
    reference = resolve(encoder)
    path = Path(out) if out is not None else figure_folder(reference, recording) / "attribution.png"
    file_kind(path)
    found = attribute(reference.open(), recording, **options)
    save_figure(figure_attribution(found), path)
    write_json(path.with_suffix(".json"), found.facts)
    write_arrays(path.with_suffix(".npz"), signal=found.signal, share=found.share)
    return path
