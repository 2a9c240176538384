"""Estimators inside those of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

CONTEXT = "_parent_callback_ctx"


class Nested:
    """Keeps what scikit-learn (1.9) notes on an estimator while it fits it; sktime's ``fit`` clears all."""

    def reset(self) -> Self:
        """Forget what was fitted."""
        kept: dict[str, Any] = {CONTEXT: self.__dict__[CONTEXT]} if CONTEXT in self.__dict__ else {}
        super().reset()  # type: ignore[misc]  # of sktime's base class
        self.__dict__.update(kept)
        return self
