"""Encoders of tsrep under braindecode's conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS, Pooling
from tsrep.signals.contract import SignalContract


class AsBraindecode(nn.Module):
    """An encoder with a linear head, called as models of braindecode are.

    Parameters
    ----------
    encoder : Encoder
    contract : SignalContract
        What the encoder must be shown; rate, channels and window are told in braindecode's words.
    n_outputs : int
        Of the head, ``final_layer``.
    pool : str
        From one vector per step to one per window.

    Attributes
    ----------
    n_outputs, n_chans, n_times, sfreq, input_window_seconds, chs_info
        As braindecode calls them; None where the contract leaves it open.
    final_layer : Linear

    Examples
    --------
    >>> from tsrep.encoders.dilated_conv import DilatedConv
    >>> from tsrep.signals.contract import SignalContract
    >>> contract = SignalContract(modality="eeg", channels=("Cz", "Pz"), sfreq=128.0, unit="µV")
    >>> model = AsBraindecode(DilatedConv(2, hidden=4, dim=8, depth=2), contract, n_outputs=3)
    >>> import torch
    >>> x = torch.zeros(5, 2, 64)
    >>> model(x).shape, model(x, return_features=True)["features"].shape
    (torch.Size([5, 3]), torch.Size([5, 8, 64]))
    """

    def __init__(
        self, encoder: Encoder, contract: SignalContract, n_outputs: int, *, pool: Pooling = "mean"
    ) -> None:
        super().__init__()
        self.encoder, self.contract, self.pool = encoder, contract, pool
        names = contract.channels
        self.n_chans = None if names is None else len(names)
        self.chs_info = None if names is None else [{"ch_name": name} for name in names]
        self.sfreq, self.n_times = contract.sfreq, contract.window.steps
        self.input_window_seconds = self.n_times and self.n_times / self.sfreq
        self.reset_head(n_outputs)

    def reset_head(self, n_outputs: int) -> None:
        """Replace the head by a new one with random weights."""
        self.n_outputs = n_outputs
        self.final_layer = nn.Linear(self.encoder.dim * (1 + (self.pool == "max-mean")), n_outputs)

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor | Mapping[str, Any]:
        """Scores of classes, or the representation.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
            As the contract says.
        return_features : bool

        Returns
        -------
        Tensor, shape (batch, n_outputs), or mapping
            With ``features``, shape (batch, dim, time'), and ``cls_token``, which is None.
        """
        z = self.encoder(x)
        if return_features:
            return {"features": z, "cls_token": None}
        scores: Tensor = self.final_layer(POOLS[self.pool](z))
        return scores
