"""What a head says of where it comes from and how it does."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Facts(BaseModel):
    """Checked values of a file; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FittedOn(Facts):
    """The encoder and the labels that a head was fitted on.

    Attributes
    ----------
    weights : str
        Digest of the weights of the encoder; empty where features came without one.
    contract : str
        Digest of the encoder's signal contract.
    source, data, split : str
        What the data are, and digests of the data and of their division.
    protocol : str
    fraction : float
        Of the training labels.
    subsample_by : str
        What the fraction is of.
    seed : int
        Of the draw of labels, and of the encoder where there is one for each.
    labelled : str
        Digest of which samples had labels.
    samples, records, patients : int
        With labels.
    class_counts : tuple of int
        Labelled samples of each class.
    """

    weights: str = ""
    contract: str = ""
    source: str = ""
    data: str = ""
    split: str = ""
    protocol: str
    fraction: float
    subsample_by: str
    seed: int
    labelled: str
    samples: int
    records: int
    patients: int
    class_counts: tuple[int, ...]


class Estimate(Facts):
    """A value with its 95 % interval over patients; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class Performance(Facts):
    """How a head does on a part of the split.

    Attributes
    ----------
    part : str
    records, patients : int
    metrics : dict of Estimate
        ``auroc``, ``ece`` and ``brier`` of the probabilities before calibration; where there is one
        ``ece_calibrated`` and ``brier_calibrated``; ``accuracy_decided``, ``precision_decided``,
        ``recall_decided`` and ``f1_decided`` of its decisions, and ``credit_decided`` where partial credit is
        asked for; where there are prediction sets ``coverage``
        (share of records, patients weighing alike, whose set holds all their classes) and ``set_size`` (mean
        number of classes in a set).
    """

    part: str
    records: int
    patients: int
    metrics: dict[str, Estimate]
