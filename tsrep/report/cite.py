"""A paragraph for the methods section of a paper on a run, with the references of what it used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from tsrep.errors import ConfigError
from tsrep.registry import DATASETS, ENCODERS, OBJECTIVES, PROTOCOLS, Registry
from tsrep.report.contents import Contents
from tsrep.report.wording import count, named
from tsrep.text import plural

SOFTWARE = (
    "The tsrep authors. tsrep: a time-series and biosignal representation workbench, version {tsrep}.",
    "Paszke A, Gross S, Massa F, et al. PyTorch: An imperative style, high-performance deep learning "
    "library. NeurIPS (2019). Version {torch}.",
    "Pedregosa F, Varoquaux G, Gramfort A, et al. Scikit-learn: Machine learning in Python. J Mach Learn "
    "Res 12, 2825 (2011). Version {scikit-learn}.",
)
PARTS = {"train": "training", "validation": "validation", "test": "the test"}


def methods_paragraph(contents: Contents) -> str:
    """What was done, in sentences with numbers, and a numbered list of references.

    Parameters
    ----------
    contents : Contents
        Of a run that has been trained.

    Raises
    ------
    ConfigError
        When the folder does not say what was trained on what.
    """
    if not contents.config or not contents.provenance:
        raise ConfigError(f"{contents.run} does not say what was trained on what; give the folder of a run")
    references = _References()
    sentences = [
        *_data(contents, references),
        *_flow(contents),
        *_signals(contents),
        *_training(contents, references),
        *_evaluation(contents, references),
        _software(contents, references),
    ]
    return " ".join(sentences) + "\n\n" + "\n".join(references.lines())


class _References:
    """References in the order of their mention."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def mark(self, *texts: str) -> str:
        """The numbers of references in brackets; empty without any."""
        numbers = []
        for text in filter(None, texts):
            if text not in self.found:
                self.found.append(text)
            numbers.append(str(self.found.index(text) + 1))
        return f" [{', '.join(numbers)}]" if numbers else ""

    def lines(self) -> Iterator[str]:
        return (f"[{i}] {text}" for i, text in enumerate(self.found, 1))


def _data(contents: Contents, references: _References) -> Iterator[str]:
    settings = contents.config.get("dataset") or {}
    # of several data sets each, else the one
    names = [str(one.get("name")) for one in (settings.get("of") or {"": settings}).values()]
    marks = references.mark(*(_citation(name) for name in names))
    data = contents.data
    if contents.synthetic:
        yield f"Simulated data ({data.get('source')}) were used{marks}; no patient was recorded."
        return
    yield f"We used {data.get('source')}{marks}."


def _citation(name: str) -> str:
    with suppress(ConfigError):
        return str(DATASETS.entry(name).cls.about.citation)
    return ""


def _flow(contents: Contents) -> Iterator[str]:
    flow = contents.flow
    if not flow:
        return
    lost = [(why, n) for why, n, what in flow["excluded"] if what == "recording"]
    read = flow["read"]
    yield (
        f"Of {count(flow['found'])} recordings found, {count(sum(n for _, n in lost))} were left out"
        f"{_reasons(lost)}; {count(read['recordings'])} of {count(read['patients'])} patients were read."
    )
    others = [f"{count(n)} {what}s ({why})" for why, n, what in flow["excluded"] if what != "recording"]
    if others:
        yield f"Further {'; '.join(others)} were left out."
    parts = [
        f"{count(numbers['recordings'])} recordings of {count(numbers['patients'])} patients for "
        f"{PARTS.get(part, part)}"
        for part, numbers in flow["parts"].items()
        if numbers["recordings"] and part in PARTS
    ]
    yield f"They were divided by patient ({contents.split.get('how')}) into {', '.join(parts)}."


def _reasons(lost: list[tuple[str, int]]) -> str:
    return f" ({'; '.join(f'{why}: {count(n)}' for why, n in lost)})" if lost else ""


def _signals(contents: Contents) -> Iterator[str]:
    data, window = contents.data, contents.window
    channels = data.get("channels")
    if not channels:
        return
    rate = float(data.get("sfreq") or 0)
    seconds = window.get("seconds")
    length = f"cut into windows of {seconds:g} s" if seconds else "taken as they are"
    how = {
        "global": "standardised by the mean and standard deviation of the training part",
        "channel": "standardised channel by channel by the training part",
        "record": "standardised each by itself",
    }.get(str(window.get("standardise")), "not standardised")
    at = f" at {rate:g} Hz" if contents.task == "panel" else ""
    yield f"Signals ({named(channels)}){at} were {length} and {how}."


def _training(contents: Contents, references: _References) -> Iterator[str]:
    config = contents.config
    objective, encoder = config.get("objective") or {}, config.get("encoder") or {}
    training = config.get("training") or {}
    network = references.mark(_reference(ENCODERS, encoder.get("name")))
    marks = references.mark(_reference(OBJECTIVES, objective.get("name")))
    parameters = contents.provenance.get("parameters")
    size = f" ({count(parameters)} parameters)" if parameters else ""
    yield (
        f"An encoder {encoder.get('name')}{network}{size} was trained by {objective.get('name')}{marks} for "
        f"{plural(int(training.get('epochs') or 0), 'epoch')} with batches of {training.get('batch_size')} "
        f"and a learning rate of {training.get('lr'):g}, from {plural(len(contents.seeds), 'seed')}."
    )


def _evaluation(contents: Contents, references: _References) -> Iterator[str]:
    scores = [score for score in contents.scores if score.role == "method"]
    for protocol in dict.fromkeys(score.protocol for score in scores):
        of = [score for score in scores if score.protocol == protocol]
        first = of[0]
        marks = references.mark(_reference(PROTOCOLS, protocol))
        against = f", beside {first.against}" if first.against else ""
        unit = f"{count(first.n)} {first.unit}s of {count(first.patients)} {first.part} patients"
        where = unit if contents.task == "panel" else f"the {first.part} part"
        yield f"It was scored by the protocol {protocol}{marks} on {where}{against}."
    resampled = max((getattr(score, "n_bootstrap", 0) for score in scores), default=0)
    if resampled and contents.task == "panel":
        yield f"Intervals cover 95 % and come from {count(resampled)} bootstrap resamples of patients."


def _software(contents: Contents, references: _References) -> str:
    versions: Mapping[str, Any] = contents.provenance.get("versions") or {}
    marks = references.mark(*(text.format_map(_Known(versions)) for text in SOFTWARE))
    return f"Analyses were made with tsrep {versions.get('tsrep', '')}{marks}."


class _Known(dict[str, Any]):
    """Versions, with a dash for one that is not known."""

    def __missing__(self, key: str) -> str:
        return "–"


def _reference(registry: Registry, name: Any) -> str:
    with suppress(ConfigError):
        return registry.describe(str(name)).reference
    return ""
