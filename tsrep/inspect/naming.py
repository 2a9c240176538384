"""Which methods are controls, by their names."""

from __future__ import annotations


def is_majority(method: str) -> bool:
    """Whether a method is the control that knows only how frequent the classes are."""
    return any(word in method.lower() for word in ("majority", "prior", "chance"))


def is_random(method: str) -> bool:
    """Whether a method is the control with an encoder that was never trained."""
    return "random" in method.lower() or "untrained" in method.lower()


def is_control(method: str) -> bool:
    """Whether a method is there to be beaten."""
    return is_majority(method) or is_random(method)


def is_rule(method: str) -> bool:
    """Whether a forecasting method is a simple one without an encoder."""
    return any(word in method.lower() for word in ("naive", "nlinear", "repeat-last"))
