"""Settings with which registered encoders are small."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "causal-tcn": {"hidden": 4, "dim": 6, "depth": 2},
    "conv-s4d": {"width": 6, "depth": 1},
    "dilated-conv": {"hidden": 4, "dim": 8, "depth": 3},
    "dilated-conv-ar": {"hidden": 4, "dim": 8, "depth": 3},
    "gru": {"hidden": 4, "dim": 6, "layers": 1},
    "informer": {"width": 8, "dim": 6, "layers": 1, "heads": 2, "feedforward": 8},
    "inverted-transformer": {"width": 8, "depth": 1, "heads": 2},
    "lead-wise": {"trunk": {"name": "resnet1d", "width": 4, "dim": 6}},
    "lstm": {"hidden": 4, "dim": 6, "layers": 1},
    "patch-transformer": {"width": 8, "depth": 1, "heads": 2, "dim": 6},
    "resnet1d": {"width": 4, "dim": 6},
    "s4d": {"width": 6, "depth": 1},
    "transformer": {"width": 8, "depth": 1, "heads": 2, "dim": 6},
    "xresnet1d": {"layers": 18, "width": 8},
}
