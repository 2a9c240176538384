"""The card of a packed encoder: what a reader must know before using it, and what machines index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, StrictUndefined

from tsrep.datasets.dataset import PATIENTS_UNKNOWN
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.scores import Score, Scores
from tsrep.registry import DATASETS, OBJECTIVES
from tsrep.runs.ancestry import links_of, started_from
from tsrep.runs.described import contract_facts
from tsrep.runs.licences import licence_of
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.yaml_files import write_yaml

TEMPLATE = """---
{{ head }}---

# {{ title }}

{{ about }} It turns {{ signals }} into vectors of {{ dim }} numbers; it is no model of a diagnosis by itself.

## Input

| | |
|---|---|
{% for name, value in contract %}| {{ name }} | {{ value }} |
{% endfor %}
tsrep converts recordings of another rate, unit, order or spelling of channels, or refuses them and says why.

## Use

```python
import tsrep

encoder = tsrep.load_encoder("hub:OWNER/NAME@REVISION")  # or the folder of this file
recordings = tsrep.load("wfdb", "folder/of/recordings")
vectors = tsrep.embed(encoder, recordings).x  # one row a window
```
{% if answers %}
It comes with a head for {{ answers }}, fitted on {{ labelled }} labelled recordings:

```
tsrep predict hub:OWNER/NAME@REVISION folder/of/recordings --out predictions.csv
```
{% endif %}
## Scores

{{ scores }}
## Trained on

{{ trained_on }}

{{ ledger }}

## Intended use and limits

{{ limits }}

## Licence

{{ licence }}

## Citation

```bibtex
{{ bibtex }}
```
{% if citation %}
{{ citation }}
{% endif %}
## Provenance

{% for name, value in provenance %}- {{ name }}: {{ value }}
{% endfor %}"""
BIBTEX = """@software{{tsrep,
  title = {{tsrep: a time-series and biosignal representation workbench}},
  author = {{{{The tsrep authors}}}},
  version = {{{version}}},
  year = {{2026}}
}}"""
TAGS = {"ecg": "ecg", "eeg": "eeg"}
KINDS = {"ecg": "ECG", "eeg": "EEG", "series": "time series", "other": "multichannel signals"}
UNKNOWN_DATA = "What it was trained on is not known."


def card_of(
    loaded: LoadedEncoder,
    head: KeptHead | None,
    scores: Scores | None,
    licence: str,
    permission: str,
    ledger_published: bool,
) -> str:
    """Markdown with a YAML head.

    Parameters
    ----------
    loaded : LoadedEncoder
    head : Head or None
        That goes along.
    scores : Scores or None
    licence : str
        SPDX identifier, or empty.
    permission : str
        By whom and how a restriction was lifted.
    ledger_published : bool
        Whether the fingerprints go along.
    """
    page = Environment(undefined=StrictUndefined, autoescape=False).from_string(TEMPLATE)
    return page.render(
        head=write_yaml(_head(loaded, scores, licence)),
        title=loaded.name or "Encoder",
        about=_about(loaded),
        signals=f"{_span(loaded)} of {KINDS.get(loaded.contract.modality, 'multichannel signals')}",
        dim=loaded.encoder.dim,
        contract=list(contract_facts(loaded.contract).items()),
        answers=head.answers if head else "",
        labelled=f"{head.fitted_on.records:,}" if head else "",
        scores=_scores(scores),
        trained_on=_trained_on(loaded),
        ledger=_ledger(loaded, ledger_published),
        limits=_limits(loaded),
        licence=_licence(loaded, licence, permission),
        bibtex=BIBTEX.format(version=version("tsrep")),
        citation=loaded.citation,
        provenance=list(_provenance(loaded)),
    )


def _head(loaded: LoadedEncoder, scores: Scores | None, licence: str) -> dict[str, Any]:
    modality = loaded.contract.modality
    objective = loaded.recipe.get("objective", {}).get("name")
    named = "other" if licence and licence_of(licence).kind == "unknown" else licence
    return {
        "license": named or "unknown",
        "library_name": "tsrep",
        "tags": [
            *("tsrep", TAGS.get(modality, "time-series"), "self-supervised-learning"),
            *([objective] if objective else []),
        ],
        "pipeline_tag": "feature-extraction",
        "model-index": [{"name": loaded.name or "encoder", "results": list(_results(loaded, scores))}],
    }


def _results(loaded: LoadedEncoder, scores: Scores | None) -> Iterator[dict[str, Any]]:
    source = _data(loaded).get("source", "unknown")
    for score in scores or ():
        if score.role == "method" and not math.isnan(score.value):
            yield {
                "task": {"type": "time-series-classification" if score.patients else "time-series"},
                "dataset": {"name": source, "type": source, "split": score.part},
                "metrics": [{"type": score.metric, "value": score.value, "name": _metric(score)}],
            }


def _metric(score: Score) -> str:
    of = f" with {100 * score.fraction:g} % of labels" if score.patients else f" at {score.horizon} steps"
    return f"{score.metric} by {score.title or score.protocol}{of}"


def _about(loaded: LoadedEncoder) -> str:
    data, objective = _data(loaded), loaded.recipe.get("objective", {}).get("name")
    first = "Trained on simulated signals, for trying things out alone. " if data.get("synthetic") else ""
    how = ""
    if objective in OBJECTIVES.names():
        how = f", trained by {objective} ({OBJECTIVES.describe(objective).summary.rstrip('.')})"
    name = loaded.architecture.name if loaded.architecture else type(loaded.encoder).__name__
    before = started_from(loaded.provenance)
    began = f" Its training began with the weights of {before}." if before else ""
    return f"{first}An encoder ({name}){how}.{began}"


def _span(loaded: LoadedEncoder) -> str:
    seconds = loaded.contract.window.seconds
    return f"windows of {seconds:g} s" if seconds else "windows"


def _scores(scores: Scores | None) -> str:
    if not scores:
        return "It was not scored.\n"
    return (
        f"{scores.to_markdown()}\nIntervals are of 95 % over patients, or over blocks of time. Each score "
        "stands beside that of random initialisations of the same architecture, where there are any.\n"
    )


def _trained_on(loaded: LoadedEncoder) -> str:
    said = [f"- {PATIENTS_UNKNOWN}"] if _data(loaded).get("independence") == "recording" else []
    return "\n".join([_sources(loaded), *said])


def _sources(loaded: LoadedEncoder) -> str:
    data, ledger = _data(loaded), loaded.ledger
    if ledger is not None and ledger.sources:
        rows = [
            f"- {one.name}: {one.records:,} recordings of {one.patients:,} patients for training and choosing"
            for one in ledger.sources
        ]
        return "\n".join([*rows, *([] if ledger.complete else ["- more that is not known"])])
    if not data:
        return UNKNOWN_DATA
    patients = f" of {data['patients']:,} patients" if data.get("patients") else ""
    records = f", {data['records']:,} recordings{patients} in all parts" if data.get("records") else ""
    return f"- {data.get('source', 'unknown')}{records}"


def _ledger(loaded: LoadedEncoder, published: bool) -> str:
    if published and loaded.ledger:
        return (
            "Fingerprints of these recordings come along, so that tsrep does not score the encoder on them. "
            "Whoever holds a recording can tell by them whether it was among these; they reveal no signal."
        )
    if _data(loaded).get("synthetic"):
        return "Simulated signals have no fingerprints."
    return "Fingerprints of the recordings were not published, so what it has seen is unknown to others."


def _limits(loaded: LoadedEncoder) -> str:
    contract, data = loaded.contract, _data(loaded)
    shown = f"{len(contract.channels)} channels" if contract.channels else "single channels"
    return (
        "For research: as a start for training on few labels, for comparison, and for finding similar "
        f"recordings. Not a medical device. It has seen {shown} at {contract.sfreq:g} Hz from "
        f"{data.get('source', 'data that are not known')}; on other populations, devices and lead sets it "
        "may do worse. Evaluate it on patients of your own before you rely on it: `tsrep evaluate`."
    )


def _licence(loaded: LoadedEncoder, licence: str, permission: str) -> str:
    lines = [f"Weights: {licence_of(licence)}."]
    data = loaded.recipe.get("dataset", {}).get("name")
    if data in DATASETS.names():
        terms = DATASETS.entry(data).cls.about.licence
        lines.append(f"Data: {'not published' if terms == 'yours' else terms}.")
    chain = links_of(loaded.provenance)
    above = [licence_of(str(link["licence"])) for link in chain if link.get("licence")]
    lines += [f"Started from weights under: {one}." for one in above]
    if permission:
        lines.append(f"Shared with permission: {permission}.")
    return "\n".join(f"- {line}" for line in lines)


def _provenance(loaded: LoadedEncoder) -> Iterator[tuple[str, str]]:
    yield "weights (SHA-256 of tensors)", f"`{loaded.weights}`"
    yield "contract", f"`{loaded.contract.digest}`"
    if loaded.ledger is not None:
        yield "ledger", f"`{loaded.ledger.digest}`"
    if digest := _data(loaded).get("digest"):
        yield "data", f"`{digest}`"
    for name in ("seed", "started"):
        if name in loaded.provenance:
            yield name, str(loaded.provenance[name])
    versions = loaded.provenance.get("versions", {})
    if versions:
        yield "versions", ", ".join(f"{name} {number}" for name, number in versions.items())


def _data(loaded: LoadedEncoder) -> Mapping[str, Any]:
    data: Mapping[str, Any] = loaded.provenance.get("data", {})
    return data
