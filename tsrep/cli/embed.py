"""The command `embed`: representations of recordings or a series as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.options import (
    EncoderReference,
    Overwrite,
    Root,
    assignment,
    contract_options,
    given,
    named_dataset,
    refuse_other_than_data,
)
from tsrep.files import refuse_taken


@contract_options
def embed(
    encoder: EncoderReference,
    out: Annotated[Path, typer.Option(help="Output file (.npz).")],
    dataset: Annotated[
        str | None,
        named_dataset("Name of the data set to embed; see `tsrep list datasets`. [default: that of the run]"),
    ] = None,
    root: Root = None,
    assignments: Annotated[
        list[str] | None, assignment("One setting of the data, such as dataset.target=load.")
    ] = None,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Write the representation of every window of recordings, or every step of a series, as NumPy arrays.

    Recordings are converted by the encoder's contract.
    """
    import tsrep
    from tsrep.runs.config import plain
    from tsrep.runs.config_files import assemble
    from tsrep.runs.references.reference import resolve

    refuse_taken(out, ".npz", overwrite=overwrite)
    refuse_other_than_data("embed", assignments or ())
    reference = resolve(encoder)
    loaded = reference.open()
    own = loaded.recipe if dataset is not None else plain(reference.run.config)
    others = dataset not in (None, own.get("dataset", {}).get("name"))
    # only what concerns the data: other settings of the run may not go with the data given
    kept = {} if others else {key: own[key] for key in ("dataset", "root")}
    layers = {"strict": policies.strict}, given(dataset=dataset, root=root)
    settings = assemble(kept, *layers, assignments=assignments or ())
    signals = tsrep.load(settings.dataset, settings.root, strict=settings.strict)
    embeddings = tsrep.embed(loaded, signals, policies=policies)
    embeddings.save(out)
    for note in embeddings.notes:
        typer.echo(f"tsrep: {note}", err=True)
    x = embeddings.x
    what = f"{x.shape[1]} steps of {len(x)} series"
    if x.ndim == 2:
        what = f"{len(x)} windows of {len(signals)} records"
    typer.echo(f"{out}: {what}, {x.shape[-1]} numbers each")
