"""Text that was given by somebody, made fit to be kept or shown."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape

PASSWORD = re.compile(r"(\b[\w.+-]+://[^/?#@:\s]*):[^/?#\s]*@")  # scheme://user:password@
MINUS = "minus "  # begins the name of a score that is an error, so that more is better
SECRET = re.compile(r"([?&](?:password|passfile|token|key|secret)=)[^&#\s]*", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A text whose addresses have lost their passwords: ``scheme://USER@HOST``."""
    return SECRET.sub(r"\1...", PASSWORD.sub(r"\1@", text))


def command_line(arguments: Sequence[str]) -> str:
    """A command of tsrep to keep and to show."""
    return shlex.join(["tsrep", *map(without_secrets, arguments)])


def printable(text: str) -> str:
    """Text without characters that steer a terminal or turn the direction of writing."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


WORDING = (  # of the library that checks values, and ours; in order
    (r", unable to .*| after validation.*|^Value error, ", ""),
    (r"^(Input|String|List|Tuple|Value|Number|Set) should ", "it must "),
    (r"\bbe a valid dictionary or instance of \w+", "be settings by name, written as key: value"),
    (r"\bbe a valid (?=[aeiou])", "be an "),
    (r"\bbe a valid ", "be a "),
    (r"\bbe greater than or equal to ", "be at least "),
    (r"\bbe less than or equal to ", "be at most "),
)


def plural(amount: int, noun: str) -> str:
    """A number of things: ``"1 record"``, ``"2,000 records"``."""
    return f"{amount:,} {noun}{'s' * (amount != 1)}"


def requirement(message: str) -> str:
    """What a checked value must be, from a complaint of pydantic: ``it must be at least 1``."""
    for found, ours in WORDING:
        message = re.sub(found, ours, message)
    return f"{message[:1].lower()}{message[1:]}"


def as_error(score_name: str) -> tuple[str, int]:
    """What a score is shown as, and by which sign: minus an error, so that more is better, as the error."""
    return (score_name.removeprefix(MINUS), -1) if score_name.startswith(MINUS) else (score_name, 1)


def csv_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> str:
    """Rows as comma-separated text; columns are those of the first row unless named."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def in_a_line(name: str, facts: Mapping[str, object]) -> str:
    """An object as an interpreter shows it: ``Panel(samples 684, patients 240)``."""
    return f"{name}({', '.join(f'{key} {value}' for key, value in facts.items() if str(value))})"


def in_html(name: str, facts: Mapping[str, object]) -> str:
    """An object as a notebook shows it: a table of two columns."""
    left = "style='text-align:left'"
    rows = "".join(
        f"<tr><th {left}>{escape(key)}</th><td {left}>{escape(str(value))}</td></tr>"
        for key, value in facts.items()
        if str(value)
    )
    return f"<table><caption {left}><b>{escape(name)}</b></caption>{rows}</table>"


def origin(source: str, synthetic: bool) -> str:
    """What data are, called synthetic where they are."""
    told = any(word in source.lower() for word in ("synthetic", "simulated"))
    return f"{source} (synthetic)".strip() if synthetic and not told else source


def few(texts: Iterable[str], most: int = 5, between: str = ", ") -> str:
    """The first of some texts, and how many more there are: ``I, II, III and 9 more``."""
    told = list(texts)
    if len(told) <= most + 1:  # in place of a name, "and 1 more" saves nothing
        return between.join(told)
    return f"{between.join(told[:most])}{between.replace(',', '')}and {len(told) - most:,} more"


def some(names: Sequence[str]) -> str:
    """``3 (I, II, V1)``; of many names the first ones, and nothing of none."""
    return f"{len(names)} ({few(names, 12)})" if names else ""
