"""Reference pages of the site, one for each class, function, command and section of a configuration.

The files below ``docs/reference`` are tables of contents. A comment in them is replaced by a table, and each
row of the table links a page that is generated:

- ``<!-- names: tsrep.load tsrep.evaluate+tsrep.runs.evaluate.evaluate -->``: classes and functions by their
  path; what follows a plus is on the page of what stands before it.
- ``<!-- registered: ENCODERS, encoder: NAME -->``: the entries of a registry, and how one is chosen.
- ``<!-- settings: tsrep.training.settings.TrainingSettings, training -->``: the fields of a section; one to a
  line.
- ``<!-- commands -->``: the command line.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import griffe
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.core import TyperGroup

from tsrep.cli.app import app
from tsrep.listing import described
from tsrep.registry import Settings
from tsrep.runs.schema import in_words, properties_of
from tsrep.signals.contract import SignalContract

MARKER = re.compile(r"<!-- (\w+)(?::\s+(.*?))?\s*-->", re.DOTALL)
ROLE = re.compile(r":(?:func|meth|class|attr|data|mod):<code>~?([\w.]+)</code>")
Row = tuple[str, str, str]  # name, summary, and Markdown of the page


SCHEMA = Path(__file__).parent / "reference" / "contract.schema.json"


def contract_schema() -> str:
    """JSON schema of a signal contract, as it is kept beside the reference."""
    return json.dumps(SignalContract.model_json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def on_pre_build(config: MkDocsConfig) -> None:
    """Write the schema of contracts anew where it has changed."""
    del config
    if not SCHEMA.is_file() or SCHEMA.read_text(encoding="utf-8") != contract_schema():
        SCHEMA.write_text(contract_schema(), encoding="utf-8")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Fill in the tables of contents, and add the pages that they link."""
    for contents in list(files.documentation_pages()):
        if not contents.src_uri.startswith("reference/"):
            continue
        folder = PurePosixPath(contents.src_uri).with_suffix("")
        title = contents.content_string.partition("\n")[0].removeprefix("# ")
        pages: dict[str, str] = {}

        def table(marker: re.Match[str], pages: dict[str, str] = pages, folder: str = folder.name) -> str:
            rows = list(TABLES[marker[1]](marker[2] or ""))
            pages |= {name: page for name, _, page in rows}
            lines = [f"| [`{name}`]({folder}/{_file(name)}) | {summary} |" for name, summary, _ in rows]
            return "\n".join(["| | |", "| --- | --- |", *lines])

        contents.content_string = MARKER.sub(table, contents.content_string)
        for name, page in pages.items():
            text = f"---\ntitle: {name}\n---\n[{title}](../{folder.name}.md)\n\n{page}\n"
            files.append(File.generated(config, f"{folder}/{_file(name)}", content=text))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Make links of the roles in docstrings, where what they name has a page."""
    return ROLE.sub(r'<autoref optional identifier="\1"><code>\1</code></autoref>', html)


class TypesAsWritten(griffe.Extension):
    """Keep types such as ``Tensor, shape (batch, dim)`` from being taken for expressions of Python."""

    LINE = re.compile(r"^(\s*[\w*, ]+ : [^,{\n]+,|\s*-+\n\s*[^,{\n]+,)(?= )", re.MULTILINE)

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """A space of no width, which no expression has, follows the first comma of a type."""
        if obj.docstring is not None:
            obj.docstring.value = self.LINE.sub("\\1\u200b", obj.docstring.value)


def _file(name: str) -> str:
    return name.replace(" ", "-") + ".md"


@cache
def _package() -> griffe.Object | griffe.Alias:
    """The source of tsrep, read and not imported."""
    return griffe.load("tsrep", search_paths=[Path(__file__).parents[1]])


def _docstring(part: griffe.Object | griffe.Alias) -> str:
    if part.docstring is None:
        raise ValueError(f"{part.path} has no docstring, and stands in the reference")
    return part.docstring.value


def _names(paths: str) -> Iterator[Row]:
    for group in paths.split():
        path, *also = group.split("+")
        part = _package()[path.removeprefix("tsrep.")]
        page = [f"::: {path}\n    options: {{heading_level: 1}}", *(f"::: {each}" for each in also)]
        yield part.name, _docstring(part).partition("\n")[0], "\n\n".join(page)


def _registered(arguments: str) -> Iterator[Row]:
    registry, _, chosen = arguments.partition(", ")
    for name, part in sorted(_decorated(_package(), f"{registry}.register")):
        known = described(name, part.path, _docstring(part))
        usage = chosen.replace("NAME", name)
        page = f"# {name}\n\n```yaml\n{usage}\n```\n\n::: {part.path}"
        yield name, known.summary + (f" {known.reference}" if known.reference else ""), page


def _decorated(
    module: griffe.Object | griffe.Alias, decorator: str
) -> Iterator[tuple[str, griffe.Class | griffe.Function]]:
    """Classes and functions below a module with a decorator, by its first argument."""
    for part in module.members.values():
        if isinstance(part, griffe.Module):
            yield from _decorated(part, decorator)
        elif isinstance(part, griffe.Class | griffe.Function):
            for each in part.decorators:
                if isinstance(each.value, griffe.ExprCall) and str(each.value.function) == decorator:
                    yield str(each.value.arguments[0]).strip("'\""), part


def _settings(sections: str) -> Iterator[Row]:
    for line in sections.splitlines():
        path, _, section = line.strip().partition(", ")
        module, _, name = path.rpartition(".")
        model: type[Settings] = getattr(import_module(module), name)
        summary = inspect.cleandoc(model.__doc__ or "").partition("\n")[0]
        table = ["| setting | values | default | |", "| --- | --- | --- | --- |", *_fields(model)]
        yield section, summary, "\n".join([f"# {section}", "", summary, "", *table])


def _fields(model: type[Settings]) -> Iterator[str]:
    for field, about in properties_of(model).items():
        default = about.get("default", {})
        shown = "" if isinstance(default, dict) else f"`{json.dumps(default)}`"
        yield f"| `{field}` | {in_words(about)} | {shown} | {about.get('description', '')} |"


def _commands(_: str) -> Iterator[Row]:
    yield from _below(typer.main.get_command(app), "tsrep")


def _below(command: Any, name: str) -> Iterator[Row]:
    if isinstance(command, TyperGroup):
        for word, inner in command.commands.items():
            yield from _below(inner, f"{name} {word}")
        return
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "")
    records = [each.get_help_record(context) for each in command.get_params(context)]
    rows = [f"| `{record[0]}` | {record[1]} |" for record in records if record]
    table = "\n".join(["| | |", "| --- | --- |", *rows])
    yield name, text.partition("\n")[0], f"# {name}\n\n```text\n{usage}\n```\n\n{text}\n\n{table}"


TABLES: dict[str, Callable[[str], Iterator[Row]]] = {
    "names": _names,
    "registered": _registered,
    "settings": _settings,
    "commands": _commands,
}
