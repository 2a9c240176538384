"""Files that are read whole, or refused in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsrep.errors import RunError, TsrepError


@contextmanager
def readable(path: Path, what: str, remedy: str) -> Iterator[None]:
    """A block that reads a file and what is in it; whatever a damaged one makes it raise is one sentence.

    Parameters
    ----------
    path : Path
    what : str
        What the file should be: ``"predictions"``.
    remedy : str
        What to do, as the sentence ends.

    Raises
    ------
    RunError
        When the block raises anything; a RunError of its own stays as it is.
    """
    try:
        yield
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; {remedy}") from error
    except Exception as error:  # decoders and what looks into damaged content have no common class
        raise RunError(f"{path} cannot be read as {what} ({_reason(error)}); {remedy}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it wants more memory than there is"
    told = isinstance(error, OSError | ValueError | TypeError | TsrepError)
    text = getattr(error, "strerror", None) or str(error) if told else ""
    return " ".join(text.split())[:160].rstrip(".;") or type(error).__name__


def read_json(path: Path) -> dict[str, Any]:
    """Values by name from a JSON file; to be used within :func:`readable`.

    Raises
    ------
    OSError, ValueError, RecursionError
        When it is missing, no JSON, or holds something else.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it holds no values by name")
    return found


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Objects of a file with one JSON object a line, and the number of lines that are none.

    A process that was killed may leave half a line.
    """
    found, unread = list[dict[str, Any]](), 0
    for line in filter(None, map(bytes.strip, path.read_bytes().split(b"\n"))):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            found.append(entry)
        else:
            unread += 1
    return found, unread


def refuse_other_format(path: Path, found: Any, known: str | int) -> None:
    """Check that a file was written in the format that this version reads.

    Parameters
    ----------
    path : Path
    found, known : str or int
        ``3`` or ``"tsrep.scores/3"``.

    Raises
    ------
    RunError
        Saying whether a newer version wrote it.
    """
    if found == known:
        return
    if _number(found) > _number(known):
        fault, remedy = f"written by a newer tsrep (format {found}, this one reads {known})", "update tsrep"
    else:
        fault, remedy = f"of format {str(found)[:40]}, and this tsrep reads {known}", "make it again"
    raise RunError(f"{path} is {fault}; {remedy}")


def _number(version: Any) -> int:
    digits = re.search(r"(\d{1,9})$", str(version))
    return int(digits[1]) if digits else 0
