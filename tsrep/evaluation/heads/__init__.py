"""Heads: from the representations of an encoder to class probabilities and decisions."""

from tsrep.evaluation.heads.head import Head

__all__ = ["Head"]
