"""Which steps of a split a score rests on."""

from __future__ import annotations

from typing import Literal

from tsrep.errors import ConfigError
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.signals.series import Span
from tsrep.splits.by_time import TimeSplit

Part = Literal["test", "validation"]


class EvaluationSpans:
    """Which steps a score rests on.

    The test part is scored by a ridge fitted on the training part, its penalty chosen on the validation
    part. The validation part is scored by a ridge fitted on the training part, its penalty chosen by fitting
    on the first four fifths of the training part and predicting the last fifth.

    Parameters
    ----------
    split : TimeSplit
    part : str
    reach_back : bool
        Whether what is forecast from may lie before the part that is forecast. Forecasts of the last H of N
        steps then count N - H + 1 windows, all there are, as in most work on trained forecasters. Without,
        the first step forecast from is the first one of the part, and there are N - H, as in the published
        evaluation of representations.

    Attributes
    ----------
    fit, choose : (int, int)
        Where the ridge is fitted from which the penalty is chosen, and where that is chosen.
    train, score : (int, int)
        Where the final ridge is fitted, and what is scored. What is forecast from and what is forecast lies
        inside: with ``reach_back`` the spans that choose and score begin one step before their part.
    """

    def __init__(self, split: TimeSplit, part: Part, *, reach_back: bool = False) -> None:
        start, stop = split.train
        cut = start + (stop - start) * 4 // 5
        self.part, self.train = part, split.train
        if part == "test":
            self.fit, self.choose, self.score = split.train, split.validation, split.test
        else:
            self.fit, self.choose, self.score = (start, cut), (cut, stop), split.validation
        self._back = int(reach_back)
        self.choose = self.choose[0] - self._back, self.choose[1]
        self.score = self.score[0] - self._back, self.score[1]

    def check(self, settings: ForecastSettings) -> None:
        """Refuse horizons that leave nothing to fit, choose or score.

        Raises
        ------
        ConfigError
            Saying which span is too short and which horizon still fits.
        """
        _refuse_short(self.score, 0, settings, f"{self.part} part", self._back)
        self.check_fitted(settings)

    def check_fitted(self, settings: ForecastSettings) -> None:
        """Refuse horizons that leave nothing to fit or choose, whatever is scored.

        Raises
        ------
        ConfigError
            As :meth:`check`.
        """
        chosen_on = "validation part" if self.part == "test" else "last fifth of the training part"
        _refuse_short(self.choose, 0, settings, chosen_on, self._back)
        _refuse_short(self.fit, settings.skipped, settings, "training part")


def _refuse_short(span: Span, skipped: int, settings: ForecastSettings, name: str, back: int = 0) -> None:
    longest, fitting = max(settings.horizons), span[1] - span[0] - skipped - 1
    if longest > fitting:
        after = f" after the {skipped} that are skipped" if skipped else ""
        way_out = (
            f"choose evaluation.forecast.horizons up to {fitting}" if fitting > 0 else "use a longer series"
        )
        steps = f"{max(fitting + 1 - back, 0)} steps{after}"
        raise ConfigError(f"the {name} has {steps}, too few for a horizon of {longest}; {way_out}")
