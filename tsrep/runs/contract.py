"""The contract of a run: what its encoder was shown, so that others can show it the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsrep.errors import DataError
from tsrep.signals import Panel, Series, history
from tsrep.signals.contract import MissingChannels, Output, SignalContract, Standardise, TrainedOn, Window
from tsrep.signals.names import canonical_names
from tsrep.signals.standardise import Scaler, Standardisation
from tsrep.signals.units import canonical

if TYPE_CHECKING:
    from tsrep.encoders.encoder import Encoder
    from tsrep.runs.config import WindowSettings

UNBOUNDED = 2**31 - 1


def window_of(settings: WindowSettings, records: Panel) -> Window:
    """What recordings are cut into; without a length whole ones, of so many steps."""
    steps, seconds, hop = settings.steps, settings.seconds, settings.hop_seconds
    if steps is None:
        steps = records.length if seconds is None else round(seconds * records.sfreq)
    if steps < 1:
        raise DataError(f"window.seconds {seconds:g} is less than a step at {records.sfreq:g} Hz; give more")
    hop_steps = settings.hop_steps or (steps if hop is None else round(hop * records.sfreq))
    if hop_steps < 1:
        raise DataError(
            f"window.hop_seconds {hop:g} is less than a step at {records.sfreq:g} Hz; windows must advance "
            "by at least one"
        )
    seconds, hop = steps / records.sfreq, hop_steps / records.sfreq
    return Window(steps=steps, seconds=seconds, least=steps, hop_seconds=hop)


def contract_of_panel(
    records: Panel, window: Window, how: Standardisation, scaler: Scaler, trained: Panel
) -> SignalContract:
    """The contract of an encoder of labelled recordings; its output is not known yet.

    Parameters
    ----------
    records : Panel
        In their unit.
    window : Window
    how : {"global", "channel", "record", "none"}
    scaler : Scaler
        Of the training part.
    trained : Panel
        The training part.
    """
    said, modality = records.history, records.modality
    derive: MissingChannels = "derive" if modality == "ecg" else "refuse"
    return SignalContract(
        modality=modality,
        channels=canonical_names(records.channels, modality),
        reference=(history.reference(said) or "as recorded") if modality == "eeg" else None,
        sfreq=records.sfreq,
        unit=unit_of(records.unit),
        filter=history.filters(said),
        window=window,
        standardise=stored(how, scaler),
        missing_channels=derive,
        trained_on=TrainedOn(
            rate=records.sfreq,
            band=(history.lowest(said), history.highest(said, records.sfreq)),
            records=len({int(row) for row in trained.row}),
            patients=len({int(patient) for patient in trained.patient}),
            sources=(records.source,) if records.source else (),
        ),
    )


def contract_of_series(series: Series, steps: int, how: Standardisation, scaler: Scaler) -> SignalContract:
    """The contract of an encoder of a series, which is shown ``steps`` steps at once."""
    rate = 1 / series.step_seconds
    return SignalContract(
        modality="series",
        channels=series.inputs,
        sfreq=rate,
        unit=unit_of(series.unit),
        window=Window(steps=steps, seconds=steps / rate, least=steps, hop_seconds=steps / rate),
        standardise=stored(how, scaler),
        missing_channels="refuse",
        trained_on=TrainedOn(rate=rate, sources=(series.source,) if series.source else ()),
    )


def with_output(contract: SignalContract, encoder: Encoder) -> SignalContract:
    """The contract with what the encoder gives."""
    field = encoder.receptive_field
    output = Output(
        dim=encoder.dim,
        stride=encoder.stride,
        causal=encoder.causal,
        receptive_field=None if field >= UNBOUNDED else field,
        accepts_missing_channels=getattr(encoder, "accepts_missing_channels", False),
    )
    return contract.model_copy(update={"output": output})


def stored(how: Standardisation, scaler: Scaler) -> Standardise:
    """Standardisation as a contract keeps it, with statistics where they are not the record's own."""
    if how in ("record", "none"):
        return Standardise(how=how)
    mean, std = (tuple(map(float, values[0])) for values in (scaler.mean, scaler.std))
    return Standardise(how=how, mean=mean, std=std)


def unit_of(unit: str) -> str:
    """A unit as contracts write it; where data do not say theirs their amplitudes mean nothing elsewhere."""
    return canonical(unit) or "a.u."
