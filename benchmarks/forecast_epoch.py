"""One training epoch of a forecaster, ETTh1 168 to 168 multivariate, beside a literal loader and loop.

Run ``python benchmarks/forecast_epoch.py path/to/ETTh1.csv``; without a file it makes a series of the same
shape. The literal side is what public forecasting code has in common: a dataset that slices float64 values
and time marks item by item, a ``DataLoader`` without workers that drops the last batch, four ``float()`` a
batch, a decoder input that nothing uses, a network with three projections and an attention of two products
with a softmax between, ``loss.item()`` every step. Our side is the Trainer itself, with its clipping,
running average of weights, log and stored state, which the literal loop does without.

Both sides see the same batches in the same order and start from the same weights; the losses of the first
batch are compared. They alternate in one process, and ratios are of the fastest repeats: of a whole epoch in
float32 and in bfloat16, and of its data path alone. ``--profile`` lists where our time goes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Dataset

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.encoders.positions import sinusoid
from tsrep.forecasting.joint_objective import Forecast
from tsrep.rng import torch_generator
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare
from tsrep.sampling.batches import PanelTensors
from tsrep.sampling.sampler import RandomSampler
from tsrep.training.loop import Part, Trainer

STEPS, CHANNELS, TRAINED = 17420, 7, 8640
LOOKBACK = LABEL = HORIZON = 168
WIDTH, PATCH, STRIDE, DEPTH, HEADS = 64, 16, 8, 2, 4
LR, DECAY = 1e-3, 1e-2
TOLERANCE = 1e-4
Array = NDArray[Any]


# The literal side: (batch, time, channel) throughout.


class LiteralDataset(Dataset[tuple[Array, Array, Array, Array]]):
    def __init__(self, path: Path) -> None:
        table = pd.read_csv(path)
        values = table.drop(columns="date").to_numpy(np.float64)
        train = values[:TRAINED]
        scaled = (values - train.mean(0)) / train.std(0)
        self.data_x = self.data_y = scaled[:TRAINED]
        stamp = pd.to_datetime(table["date"]).dt
        self.data_stamp = np.stack(
            [
                stamp.hour / 23 - 0.5,
                stamp.dayofweek / 6 - 0.5,
                (stamp.day - 1) / 30 - 0.5,
                (stamp.dayofyear - 1) / 365 - 0.5,
            ],
            axis=1,
        )

    def __len__(self) -> int:
        return len(self.data_x) - LOOKBACK - HORIZON + 1

    def __getitem__(self, index: int) -> tuple[Array, Array, Array, Array]:
        s_begin = index
        s_end = s_begin + LOOKBACK
        r_begin = s_end - LABEL
        r_end = r_begin + LABEL + HORIZON
        seq_x = self.data_x[s_begin:s_end]
        seq_y = self.data_y[r_begin:r_end]
        seq_x_mark = self.data_stamp[s_begin:s_end]
        seq_y_mark = self.data_stamp[r_begin:r_end]
        return seq_x, seq_y, seq_x_mark, seq_y_mark


class LiteralLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        b, n, _ = y.shape
        q, k, v = (part(y).view(b, n, HEADS, -1) for part in (self.query, self.key, self.value))
        scores = torch.einsum("blhe,bshe->bhls", q, k)
        attention = torch.softmax(scores / (WIDTH // HEADS) ** 0.5, dim=-1)
        mixed = torch.einsum("bhls,bshd->blhd", attention, v).contiguous().view(b, n, -1)
        x = x + self.out(mixed)
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class LiteralNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        patches = LOOKBACK // STRIDE
        self.pad = nn.ReplicationPad1d((0, PATCH - STRIDE))
        self.input = nn.Linear(PATCH, WIDTH)
        self.register_buffer("position", sinusoid(patches, WIDTH, torch.device("cpu")))
        self.layers = nn.ModuleList(LiteralLayer() for _ in range(DEPTH))
        self.norm, self.output = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH * patches, HORIZON)

    def forward(self, x: Tensor, _x_mark: Tensor, _dec_inp: Tensor, _y_mark: Tensor) -> Tensor:
        """(batch, lookback, channel) to (batch, horizon, channel)."""
        means = x.mean(1, keepdim=True).detach()
        x = x - means
        stdev = torch.sqrt(torch.var(x, dim=1, keepdim=True, unbiased=False) + 1e-5)
        x = x / stdev
        b, _, c = x.shape
        patches = self.pad(x.permute(0, 2, 1)).unfold(-1, PATCH, STRIDE)
        tokens = self.input(patches.reshape(b * c, -1, PATCH)) + self.position
        for layer in self.layers:
            tokens = layer(tokens)
        z = self.output(self.norm(tokens)).reshape(b, c, -1, WIDTH).permute(0, 1, 3, 2)
        y = self.head(z.flatten(2)).permute(0, 2, 1)
        return y * stdev[:, 0, :].unsqueeze(1) + means[:, 0, :].unsqueeze(1)

    def load_ours(self, encoder: PatchTransformer, objective: Forecast) -> None:
        """Take the weights of our network."""
        blocks, head = encoder.blocks, objective.head.layers[0]
        parts = {"input": encoder.input, "norm": blocks.norm, "output": blocks.output, "head": head}
        for name, module in parts.items():
            getattr(self, name).load_state_dict(module.state_dict())
        for mine, theirs in zip(self.layers, blocks.blocks, strict=True):
            for name in ("out", "norm1", "norm2", "up", "down"):
                getattr(mine, name).load_state_dict(getattr(theirs, name).state_dict())
            for name, weight, bias in zip(
                ("query", "key", "value"), theirs.qkv.weight.chunk(3), theirs.qkv.bias.chunk(3), strict=True
            ):
                getattr(mine, name).load_state_dict({"weight": weight, "bias": bias})


class Theirs:
    def __init__(
        self, data: LiteralDataset, order: list[int], batch: int, device: torch.device, network: nn.Module
    ) -> None:
        self.loader = DataLoader(data, batch_size=batch, sampler=order, num_workers=0, drop_last=True)
        self.device, self.network = device, network.to(device)

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
        """Look-back, label and target, marks of both, and the decoder input."""
        for batch_x, batch_y, batch_x_mark, batch_y_mark in self.loader:
            x, y = batch_x.float().to(self.device), batch_y.float().to(self.device)
            x_mark, y_mark = batch_x_mark.float().to(self.device), batch_y_mark.float().to(self.device)
            dec_inp = torch.zeros([y.shape[0], HORIZON, y.shape[-1]]).float().to(self.device)
            yield x, y, x_mark, y_mark, torch.cat([y[:, :LABEL, :], dec_inp], dim=1).float()

    def epoch(self, amp: bool) -> float:
        """The loss of the first batch."""
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=LR, weight_decay=DECAY)
        criterion, losses = nn.MSELoss(), []
        self.network.train()
        for x, y, x_mark, y_mark, dec_inp in self.batches():
            optimizer.zero_grad()
            with torch.autocast(self.device.type, torch.bfloat16) if amp else nullcontext():
                outputs = self.network(x, x_mark, dec_inp, y_mark)
                loss = criterion(outputs[:, -HORIZON:, :], y[:, -HORIZON:, :])
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
        return losses[0]


# Our side.


@dataclass
class Ours:
    config: Configuration
    prepared: PreparedSeries
    train: Part
    held: Part
    first: float = float("nan")

    def modules(self) -> tuple[Encoder, Forecast]:
        encoder = new_encoder(self.config, self.prepared.panel, 0)
        objective = new_objective(self.config, encoder, self.prepared.panel, 0)
        assert isinstance(objective, Forecast)
        return encoder, objective

    def batches(self, objective: Forecast) -> Iterator[tuple[Tensor, Tensor]]:
        """Look-back and target as the objective takes them."""
        for index in self.train.sampler.epoch(1):
            past, _, target = objective.look_backs.cut(self.train.tensors.batch(index).x)
            yield past, target

    def epoch(self, amp: bool) -> None:
        """Through the Trainer; of validation two windows are left, which is next to nothing."""
        settings = self.config.training.model_copy(update={"amp": amp})
        encoder, objective = self.modules()
        with tempfile.TemporaryDirectory() as folder:
            Trainer(encoder, objective, self.train, self.held, settings, seed=0, folder=Path(folder)).run()

    def loss(self) -> float:
        """Of the first batch at the start."""
        encoder, objective = self.modules()
        net = nn.ModuleList([encoder, objective]).to(self.train.tensors.device).train()
        batch = self.train.tensors.batch(self.train.sampler.epoch(1)[0])
        with torch.no_grad():
            terms = objective(encoder, batch, generator=torch_generator(0, device=batch.x.device))
        del net
        return float(terms["mse"])


PATCHES = {
    "encoder": {
        "name": "patch-transformer",
        "width": WIDTH,
        "patch": PATCH,
        "stride": STRIDE,
        "depth": DEPTH,
        "heads": HEADS,
    }
}


def make_ours(
    path: Path, batch: int, steps: int | None, device: torch.device, settings: Mapping[str, Any] = PATCHES
) -> Ours:
    """Our side, with the settings of an encoder and of the objective that goes with it."""
    told = {
        "dataset": {"name": "series-csv", "file": path.name},
        "root": str(path.parent),
        "split": "ett-months",
        "objective": {"name": "forecast", "lookback": LOOKBACK, "horizon": HORIZON},
        "training": {"epochs": 1, "batch_size": batch, "lr": LR, "weight_decay": DECAY},
    }
    config = configure(merged(told, settings))
    prepared = prepare(config, progress=False)
    assert isinstance(prepared, PreparedSeries)
    most = len(prepared.split.train) // batch if steps is None else steps
    train, held = (
        prepared.panel.select(index)
        for index in (prepared.split.train[: most * batch], prepared.split.validation[:2])
    )
    parts = [Part(PanelTensors(p, device), RandomSampler(p, batch, 0)) for p in (train, held)]
    return Ours(config, prepared, *parts)


def synthetic(folder: Path) -> Path:
    """Daily waves with noise, as many as in ETTh1."""
    steps = np.arange(STEPS)[:, None]
    rng = np.random.default_rng(0)
    values = np.sin(2 * np.pi * steps / 24 + np.arange(CHANNELS)) + 0.5 * rng.standard_normal(
        (STEPS, CHANNELS)
    )
    table = pd.DataFrame(values, columns=[f"c{i}" for i in range(CHANNELS)])
    table.insert(0, "date", pd.date_range("2016-07-01", periods=STEPS, freq="h"))
    table.to_csv(folder / "synthetic.csv", index=False)
    return folder / "synthetic.csv"


def alternate(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every repeat of each side."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            clock = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - clock)
    for name, values in times.items():
        print(f"  {name:7s} {min(values):7.3f} s ({' '.join(f'{v:.3f}' for v in values)})", flush=True)
    return times


def ratio(times: dict[str, list[float]]) -> float:
    return round(min(times["ours"]) / min(times["theirs"]), 4)


def consume(batches: Iterator[object]) -> None:
    for _ in batches:
        pass


def largest_difference(ours: Ours, theirs: Theirs, objective: Forecast) -> float:
    """Of look-backs and targets in all batches."""
    largest = 0.0
    for (past, target), (x, y, *_) in zip(ours.batches(objective), theirs.batches(), strict=True):
        known = past.shape[1] - CHANNELS
        for mine, other in ((past[:, known:], x), (target, y[:, -HORIZON:])):
            largest = max(largest, float((mine - other.transpose(1, 2)).abs().max()))
    if largest > TOLERANCE:
        raise SystemExit(f"the two sides differ in their batches by {largest:.1e}")
    return largest


def profiled(ours: Ours, amp: bool) -> str:
    with profile(activities=[ProfilerActivity.CPU]) as found:
        ours.epoch(amp)
    return str(
        found.key_averages().table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=45)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path, nargs="?", help="ETTh1.csv; a synthetic series when missing")
    parser.add_argument("--steps", type=int, help="of the epochs that train; all of an epoch when missing")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--profile", action="store_true", help="list operators of our epochs")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    with tempfile.TemporaryDirectory() as folder:
        path = (given.csv or synthetic(Path(folder))).resolve()
        whole = make_ours(path, given.batch, None, device)
        short = make_ours(path, given.batch, given.steps, device)
        data = LiteralDataset(path)
    orders = [np.concatenate(side.train.sampler.epoch(1)).tolist() for side in (whole, short)]
    network = LiteralNetwork()
    loader, theirs = (Theirs(data, order, given.batch, device, network) for order in orders)
    encoder, objective = short.modules()
    assert isinstance(encoder, PatchTransformer)
    differences = [largest_difference(whole, loader, objective)]
    print("the data path of an epoch", flush=True)
    times = alternate(
        {
            "ours": lambda: consume(whole.batches(objective)),
            "theirs": lambda: consume(loader.batches()),
        },
        given.repeats + 2,
    )
    result: dict[str, str | float] = {"name": "forecast_epoch", "time_ratio_data": ratio(times)}

    def literal_epoch(amp: bool) -> float:
        network.load_ours(encoder, objective)
        return theirs.epoch(amp)

    network.load_ours(encoder, objective)
    differences.append(abs(short.loss() - literal_first_loss(theirs)))
    if differences[-1] > TOLERANCE:
        raise SystemExit(f"the two sides differ in the loss of the first batch by {differences[-1]:.1e}")
    for amp, kind in ((False, "time_ratio"), (True, "time_ratio_bfloat16")):
        precision = "bfloat16" if amp else "float32"
        print(f"an epoch of {len(orders[1]) // given.batch} steps, {precision}", flush=True)
        epochs = {"ours": lambda: short.epoch(amp), "theirs": lambda: literal_epoch(amp)}  # noqa: B023 - called here
        result[kind] = ratio(alternate(epochs, given.repeats))
        if given.profile:
            print(profiled(short, amp), flush=True)
    print(json.dumps(result | {"max_abs_diff": max(differences)}))


def literal_first_loss(theirs: Theirs) -> float:
    x, y, x_mark, y_mark, dec_inp = next(theirs.batches())
    with torch.no_grad():
        return float((theirs.network(x, x_mark, dec_inp, y_mark) - y[:, -HORIZON:]).square().mean())


if __name__ == "__main__":
    main()
