"""Conformance checks for plug-ins: the same that every built-in part must pass.

Each raises AssertionError with one sentence that says which promise is broken.
"""

from tsrep.testing.datasets import check_dataset
from tsrep.testing.encoders import check_encoder
from tsrep.testing.heads import check_head
from tsrep.testing.losses import check_loss
from tsrep.testing.objectives import check_objective
from tsrep.testing.protocols import check_protocol
from tsrep.testing.samplers import check_sampler
from tsrep.testing.splits import check_split
from tsrep.testing.views import check_view

__all__ = [
    "check_dataset",
    "check_encoder",
    "check_head",
    "check_loss",
    "check_objective",
    "check_protocol",
    "check_sampler",
    "check_split",
    "check_view",
]
