"""The command line: parse, call, show. Heavy imports happen inside the commands."""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

from tsrep.errors import RunError, TsrepError
from tsrep.files import said
from tsrep.text import printable, without_secrets

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # of standard output too, for which no writer of files answers
INTERRUPTED = 130  # how the library of the command line ends on Ctrl-C


def main() -> None:
    """Run the command line; a mistake of the user is one sentence and exit code 2."""
    try:
        from tsrep.cli.app import app  # its help lists protocols, of which a plug-in may have a bad one
        from tsrep.cli.usage import invoke

        invoke(app)
    except TsrepError as error:
        print(f"tsrep: {printable(without_secrets(str(error)))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = f" to {error.filename}" if error.filename else ""
        print(
            f"tsrep: nothing more can be written{where} ({said(error)}); free space or choose another place",
            file=sys.stderr,
        )
        # What is still to be written would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(RunError.exit_code)
    except KeyboardInterrupt:  # before the library of the command line watches for it
        _stopped()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _stopped()
        if isinstance(end.__context__, BrokenPipeError):  # which the library of the command line met first
            sys.exit(0)
        raise


def _stopped() -> NoReturn:
    print("tsrep: stopped; files appear whole or not at all: run the same command again", file=sys.stderr)
    sys.exit(INTERRUPTED)
