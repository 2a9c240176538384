"""Mistakes in commands, options and arguments, each told in one sentence."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperGroup

from tsrep.errors import ConfigError
from tsrep.registry import nearest
from tsrep.text import requirement

USAGE: Any = typer.BadParameter.__base__  # the class of all such mistakes, which typer does not name
WHOLE = 1_000  # characters, more than any first sentence has


class Commands(TyperGroup):
    """A group of commands that offers the nearest one to a mistyped name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See :class:`typer.core.TyperGroup`.

        Raises
        ------
        ConfigError
            When there is no such command.
        """
        word = args[0]
        if word not in self.commands and not word.startswith("-") and not ctx.resilient_parsing:
            hint = nearest(word, list(self.commands))
            raise ConfigError(f"there is no command `{ctx.command_path} {word}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """See :class:`typer.core.TyperGroup`; each with its whole sentence."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str(WHOLE)) for name, each in self.commands.items()]
            )


def invoke(app: typer.Typer) -> None:
    """Run the command that the command line names.

    Raises
    ------
    ConfigError
        When command, options and arguments do not go together.
    """
    try:
        sys.exit(app(prog_name="tsrep", standalone_mode=False))
    except typer.Abort:
        print("tsrep: nothing was done", file=sys.stderr)
        sys.exit(1)
    except USAGE as error:
        if error.ctx is not None and error.message == error.ctx.get_help():  # a group without a command
            print(error.message)
            sys.exit(error.exit_code)
        raise ConfigError(_sentence(error)) from error


def _sentence(error: Any) -> str:
    command = error.ctx.command_path if error.ctx is not None else ""
    if command and (option := getattr(error, "option_name", "")):
        known = _options(error.ctx.command.get_params(error.ctx))
        if option not in known:
            return f"`{command}` has no option {option}; {_nearest_option(option, known)}"
    told = " ".join(error.format_message().split()).rstrip(".")
    where, colon, wrong = told.partition(": ")
    told = f"{where}{colon}{requirement(wrong)}" if colon else told
    return f"{told[0].lower()}{told[1:]}; see: {command or 'tsrep'} --help"


def _options(parameters: Iterable[Any]) -> list[str]:
    """What they are called at length."""
    names = [name for each in parameters for name in (*each.opts, *each.secondary_opts)]
    return [name for name in names if name.startswith("--")]


def _nearest_option(option: str, known: list[str]) -> str:
    """Compared without dashes, which make every option look like every other."""
    words = {name.removeprefix("--"): name for name in known}
    close = difflib.get_close_matches(option.lstrip("-"), words, n=1)
    return f"did you mean {words[close[0]]}?" if close else f"known: {', '.join(known)}"
