"""Conformance checks for plug-ins: the same that every built-in part must pass.

Each raises AssertionError with one sentence that says which promise is broken.
"""

from tsrep.testing.encoders import check_encoder
from tsrep.testing.objectives import check_objective
from tsrep.testing.samplers import check_sampler
from tsrep.testing.views import check_view

__all__ = ["check_encoder", "check_objective", "check_sampler", "check_view"]
