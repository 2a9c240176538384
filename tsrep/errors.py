"""One exception class for each kind of mistake a user can make.

Every message is one sentence that says what is wrong, where, and what to do. The command line
prints it and leaves with exit code 2.
"""


class TsrepError(Exception):
    """Something the user can fix; the root of all errors raised on purpose."""

    exit_code = 2


class ConfigError(TsrepError):
    """A setting is unknown, out of range, or does not go with another one."""


class UnknownPart(ConfigError):
    """No part of that name is registered, such as one of a plug-in that is not installed."""


class DataError(TsrepError):
    """A file, record or field of a data set is missing, broken or contradictory."""


class SplitError(TsrepError):
    """A division into training, validation and test parts leaks or is empty."""


class RunError(TsrepError):
    """A run folder is missing, incomplete, or does not fit what is asked of it."""


class ContractError(TsrepError):
    """Signals and an encoder do not go together."""
