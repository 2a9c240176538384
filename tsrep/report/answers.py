"""What a reader of a report asks first, answered: better than what, to be trusted or not, and what next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tsrep.report.contents import Contents
from tsrep.report.verdicts import Verdict, baseline_verdict, main_scores, training_verdicts
from tsrep.text import plural

Command = tuple[str, str]  # what it is for, and what to type


@dataclass(frozen=True)
class Answer:
    """A question with its answer.

    Attributes
    ----------
    question : str
    sentences : sequence of Verdict
    commands : sequence of (str, str)
        What each is for, and what to type.
    """

    question: str
    sentences: Sequence[Verdict] = ()
    commands: Sequence[Command] = ()


def answers(
    contents: Contents, trust: Sequence[str], caveats: Sequence[str], own: Sequence[Command]
) -> list[Answer]:
    """Answers for the first screen; questions without one are left out.

    Parameters
    ----------
    contents : Contents
    trust : sequence of str
        Why the numbers can be believed.
    caveats : sequence of str
        What a reader must know before believing them.
    own : sequence of (str, str)
        Commands that go with the kind of data.
    """
    against = baseline_verdict(contents)
    believed = [Verdict(sentence, "open") for sentence in trust]
    doubted = [Verdict(sentence, "doubt") for sentence in caveats]
    steps = [*_unfinished(contents), *(own if contents.finished else ()), *_plots(contents)]
    found = [
        Answer("Better than untrained?", training_verdicts(contents)),
        Answer("Better than without an encoder?", [against] if against else []),
        Answer("Can this be trusted?", [*believed, *doubted] if main_scores(contents) else []),
        Answer("What next?", commands=steps),
    ]
    return [answer for answer in found if answer.sentences or answer.commands]


def named(contents: Contents) -> str:
    """The folder as a shell takes it."""
    return shlex.quote(str(contents.run))


def _unfinished(contents: Contents) -> Iterator[Command]:
    """What the folder still lacks."""
    if not contents.finished:
        yield "Training has not ended; resume it", contents.to_score
    elif not len(contents.scores):
        what = "The recordings have no labels; score the encoder on data that have"
        yield (
            what if contents.unlabelled else "The run has not been evaluated yet; score it",
            contents.to_score,
        )


def several_seeds(contents: Contents) -> Iterator[Command]:
    """How a claim about one encoder becomes one about the method."""
    main = main_scores(contents)
    if main and len(contents.seeds) == 1 and not contents.encoder and contents.config:
        again = shlex.quote(str(contents.run / "config.yaml"))
        yield (
            f"Learn what {contents.objective} yields from {plural(5, 'seed')}",
            f"tsrep fit --config {again} --seeds 5",
        )


def _plots(contents: Contents) -> Iterator[Command]:
    """Figures that are made on request and are not there."""
    if not contents.finished or contents.encoder:
        return
    wanted = {
        "views": "See the views that it was trained on",
        "receptive-field": "See which input steps the output depends on",
    }
    for name, what in wanted.items():
        if not (contents.run / "figures" / f"{name}.png").is_file():
            yield what, f"tsrep plot {name} {named(contents)}"
