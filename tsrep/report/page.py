"""What the report of every run has, whatever its kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

from tsrep.evaluation.scores import Score
from tsrep.report.answers import Command, answers
from tsrep.report.captioned_figure import (
    CaptionedFigure,
    representation_figures,
    training_figures,
    view_figures,
)
from tsrep.report.contents import Contents
from tsrep.report.receptive_field import receptive_figures, receptive_table
from tsrep.report.tables import Table
from tsrep.report.verdicts import (
    compared,
    in_order,
    main_scores,
    mean_value,
    network_of,
    words_of,
)
from tsrep.report.wording import (
    count,
    digits_of,
    duration,
    full_name,
    interval,
    listed,
    number,
    sentence,
    signed,
)
from tsrep.runs.ancestry import started_from
from tsrep.runs.naming import run_name
from tsrep.text import plural
from tsrep.yaml_files import write_yaml

Tile = tuple[str, str, str]  # name, value, note
_SECTIONS = (
    "scores", "targets", "classes", "map", "examples", "attribution", "views", "receptive", "training",
    "records", "flow",
)  # fmt: skip
_AVERAGES = dict.fromkeys(("uniform", "uniform-with-start"), "the average")
_AVERAGES["ema"] = "an exponential moving average"
_CHOICES = {
    "last": "the last epoch, chosen by no label",
    "probe": "the best validation score",
    "score": "the best validation score",
    "loss": "the lowest validation loss",
}


class Page(ABC):
    """The words, tables and figures of a run on one kind of data.

    Attributes
    ----------
    template : str
        Name of its file.
    own_figures : sequence of functions
        Those of figures that only this kind of data has.
    """

    template: ClassVar[str]
    own_figures: ClassVar[Sequence[Callable[[Contents], Iterator[CaptionedFigure]]]]

    def headline(self, contents: Contents) -> str:
        """One sentence: what was trained on what, and its main score beside control and baselines."""
        main, network = main_scores(contents), network_of(contents)
        text = f"A{'n' * (network[0] in 'aeiou')} {network} trained by {contents.objective}"
        text += f" on {self.training_data(contents)}"
        if before := started_from(contents.provenance):
            text += f", from the weights of {before}{',' * bool(main)}"
        if contents.encoder:
            text = f"The encoder {contents.encoder['reference']}, trained on {contents.encoder['source']},"
        if not main:
            state = "not evaluated yet"
            if contents.unlabelled:
                state = "its recordings have no labels to be scored by"
            return f"{text}: {state if contents.finished else 'training has not ended'}."
        digits, first = digits_of(main), main[0]
        spread = interval(first.metrics[first.metric]) if len(main) == 1 else ""
        over = f" over {first.covers}" if first.covers else ""
        text += (
            f" reaches a {full_name(first.metric)} of {number(mean_value(main), digits)}"
            f"{f' (95 % interval {spread}{over})' if spread else ''} on {self.conditions(contents)}"
            f"{f' of {contents.source}' if contents.encoder else ''}"
        )
        scores = compared(contents)
        others = [name for name in in_order(scores) if scores.where(method=name).scores[0].role != "method"]
        told = listed(f"{name} {number(mean_value(scores.where(method=name)), digits)}" for name in others)
        return f"{text}; {told}." if told else f"{text}."

    def caveats(self, contents: Contents) -> list[str]:
        """What a reader must know before believing the scores."""
        main, said = main_scores(contents), contents.collapse
        collapsed = [f"While it trained, {said}"] if said else []
        if not main:
            return list(map(sentence, collapsed))
        notes = [*collapsed, *contents.scores.notes, *(note for score in main for note in score.notes)]
        if main[0].part == "validation" and _keeps(contents) != "last":
            notes.append(
                "Scores are of the validation part, on which the checkpoint was chosen too; expect less on a "
                "part that nothing was chosen on."
            )
        if _of_one_encoder(main[0]):
            remedy = "" if contents.encoder else " For that, train several: tsrep fit --seeds 5."
            notes.append(
                f"These are scores of one {network_of(contents)}: they say nothing of what "
                f"{contents.objective} yields from other seeds.{remedy}"
            )
        if len(contents.seeds) > 1 and not contents.encoder:
            notes.append(
                f"What is shown of one {network_of(contents)} (curves, map, examples) is that of the first "
                f"of {len(contents.seeds)} seeds."
            )
        return [*dict.fromkeys(map(sentence, notes)), *self.own_caveats(contents)]

    def tiles(self, contents: Contents) -> list[Tile]:
        """The few numbers that a reader looks for first."""
        tiles = [*_score_tiles(contents, main_scores(contents)), *self.size_tiles(contents)]
        if contents.provenance.get("parameters"):
            took = contents.provenance.get("seconds")
            note = "" if took is None else f"trained in {duration(took)}"
            tiles.append(("parameters", count(contents.provenance["parameters"]), note))
        return tiles

    def context(self, contents: Contents, figures: Sequence[CaptionedFigure]) -> dict[str, Any]:
        """Names that the template uses."""
        return {
            "page": self,
            "contents": contents,
            "title": contents.config.get("name") or run_name(contents.run),
            "answers": answers(
                contents,
                self.trust(contents) if main_scores(contents) else [],
                self.caveats(contents),
                list(self.next_steps(contents)),
            ),
            "figures": {name: [f for f in figures if f.section == name] for name in _SECTIONS},
            "receptive_table": receptive_table(contents),
            "kept": _kept(contents),
            "provenance": _provenance_facts(contents),
            "encoder": _encoder_facts(contents),
            "config": write_yaml(dict(contents.config)) if contents.config else "",
            **self.tables(contents),
        }

    def data_facts(self, contents: Contents) -> list[tuple[str, str]]:
        """What the data are, with their unit and digests; empty where that is not known."""
        data = contents.data
        if not data:
            return []
        return [
            ("source", contents.source),
            *self.facts(contents),
            ("unit", str(data.get("unit") or "not given")),
            ("standardised", str(contents.window.get("standardise", "not given"))),
            ("data digest", str(data.get("digest", ""))),
            ("split digest", str(contents.split.get("digest", ""))),
        ]

    @abstractmethod
    def training_data(self, contents: Contents) -> str:
        """What it was trained on: ``2,016 samples of 252 patients of PTB-XL 1.0.3``."""

    @abstractmethod
    def conditions(self, contents: Contents) -> str:
        """Where the main scores were taken."""

    @abstractmethod
    def own_caveats(self, contents: Contents) -> list[str]:
        """Caveats that only this kind of data has."""

    @abstractmethod
    def trust(self, contents: Contents) -> list[str]:
        """Why the numbers can be believed: who was scored, and what kept training and scoring apart."""

    @abstractmethod
    def next_steps(self, contents: Contents) -> Iterator[Command]:
        """What can be done with a trained encoder, each with the command."""

    @abstractmethod
    def size_tiles(self, contents: Contents) -> list[Tile]:
        """How much was trained and scored on."""

    @abstractmethod
    def facts(self, contents: Contents) -> list[tuple[str, str]]:
        """What the data are and how they were cut."""

    @abstractmethod
    def tables(self, contents: Contents) -> dict[str, Any]:
        """Tables and their words, by their names in the template."""

    @abstractmethod
    def summary(self, contents: Contents) -> list[Table]:
        """The tables for a terminal."""

    def figures(self, contents: Contents) -> Iterator[CaptionedFigure]:
        """Figures of all that the folder has numbers for."""
        makers = (
            *self.own_figures,
            training_figures,
            representation_figures,
            view_figures,
            receptive_figures,
        )
        return chain.from_iterable(make(contents) for make in makers)


def _of_one_encoder(score: Score) -> bool:
    """Whether a single training stands behind a score."""
    return score.seeds == 1 or (score.gain is not None and score.gain.of_one_encoder)


def _score_tiles(contents: Contents, main: Sequence[Score]) -> Iterator[Tile]:
    """The main score and its gain over the control, or at how many horizons there is one."""
    if not main:
        return
    first, digits, several = main[0], digits_of(main), len(main) > 1
    note = f"over {len(main)} horizons" if several else interval(first.metrics[first.metric])
    name = full_name(first.metric)
    name = f"mean {first.part} {name.removeprefix('mean ')}" if several else name
    yield name, number(mean_value(main), digits), note
    gains = [score for score in main if score.gain is not None]
    if gains and several:
        words = words_of(contents, gains)
        note = f"{words.count('worse')} worse, {words.count('not significant')} not significant"
        yield f"better than {gains[0].against} at", f"{words.count('better')} of {len(words)}", note
    elif (found := first.gain) is not None:
        spread = interval(found, lambda v: signed(v, digits))
        name = "difference to" if first.lower_is_better else "gain over"
        yield f"{name} {first.against}", signed(found.value, digits), spread


def _keeps(contents: Contents) -> str:
    return str((contents.config.get("training") or {}).get("keep", "last"))


def _kept(contents: Contents) -> str:
    """How the checkpoint was chosen, in a sentence."""
    epoch, training = contents.kept_epoch(), contents.config.get("training") or {}
    if contents.curves is None or epoch is None:
        return ""
    rule = _CHOICES[_keeps(contents)]
    average = _AVERAGES.get(str(training.get("average")))
    last = int(contents.curves.validation_epoch.max())
    name = f" ({contents.curves.score_name})" if contents.curves.score_name and "score" in rule else ""
    kept = f" What is validated and kept is {average} of the weights." if average else ""
    drawn = _by_draw(contents.provenance.get("training") or {})
    return f"Of {plural(last, 'epoch')} the weights of epoch {epoch} were kept: {rule}{name}.{drawn}{kept}"


def _by_draw(training: Mapping[str, Any]) -> str:
    """Which epochs the scores at fewer labels are of."""
    epochs = [epoch for draw, epoch in (training.get("kept") or {}).items() if not draw.startswith("1-")]
    if not epochs:
        return ""
    return (
        " Scores at fewer labels are of epochs that the drawn labels and the same fraction of the validation "
        "labels chose, one for each draw "
        f"({min(epochs)} to {max(epochs)})."
    )


def _encoder_facts(contents: Contents) -> list[tuple[str, str]]:
    """What was scored on other data, and how signals were converted for it; empty of a run."""
    encoder, found = contents.encoder, contents.provenance
    if not encoder:
        return []
    unusable = [f"{record} ({reason})" for record, reason in found.get("unusable") or []]
    more = f" and {plural(len(unusable) - 20, 'other recording')}" if len(unusable) > 20 else ""
    return [
        ("encoder", str(encoder["reference"])),
        ("trained on", str(encoder["source"])),
        ("scored on", f"{found['whose']}: {contents.source}"),
        ("licence", str(encoder["licence"] or "not stated")),
        ("weights", ", ".join(digest[:12] for digest in encoder["weights"])),
        ("contract", str(encoder["contract"])[:12]),
        ("conversion", "; ".join(found.get("conversion") or []) or "none was needed"),
        ("seen in training", _seen(found.get("contamination") or {})),
        ("left out", f"{', '.join(unusable[:20])}{more}" if unusable else "no recording"),
    ]


def _seen(found: Mapping[str, Any]) -> str:
    """What the encoder has seen of the scored records, in words."""
    if not found:
        return "not known of a series"
    seen = found["exact"] + found["leads"] + found["coarse"]
    words = {
        "own-split": "none: the run's own split",
        "none": f"none of {count(found['of'])} scored records",
        "unknown": f"unknown of {count(found['of'])} scored records",
    }
    told = f"{count(seen)} of {count(found['of'])} scored records, {count(found['left_out'])} left out"
    by_chance = f" ({count(seen)} by shape, none beyond chance)" if seen else ""
    known = words.get(found["status"], f"{told}{' (†seen)' if found['kept'] else ''}")
    return f"{known}{by_chance}" if found["status"] in words else known


def _provenance_facts(contents: Contents) -> list[tuple[str, str]]:
    found = contents.provenance
    if not found:
        return []
    git = found.get("git") or {}
    state = f"{git.get('commit', 'not a checkout')}{' with uncommitted changes' * bool(git.get('dirty'))}"
    versions = (f"{name} {version}" for name, version in (found.get("versions") or {}).items())
    return [
        ("command", str(found.get("command", ""))),
        ("started", str(found.get("started", ""))),
        ("first weights", started_from(found) or "random"),
        ("training time", duration(found.get("seconds"))),
        ("device", f"{found.get('device', '')}, {plural(found.get('threads', 1), 'thread')}"),
        ("seeds", ", ".join(map(str, contents.seeds))),
        ("git", state),
        ("versions", ", ".join(versions)),
    ]
