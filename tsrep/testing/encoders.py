"""Conformance of encoders."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder, TokenEncoder
from tsrep.encoders.sliding import sliding_last_step
from tsrep.errors import ConfigError
from tsrep.testing.assertions import (
    close,
    global_randomness_untouched,
    require,
    require_gradients,
    state_untouched,
)
from tsrep.testing.examples import example_signal

Make = Callable[[int], Encoder]
ROUNDING = 1e-6  # of the largest gradient: a convolution by Fourier transforms adds it at every step


def check_encoder(make: Make, *, channels: int = 3, length: int = 64) -> None:
    """Check what an encoder promises; see :class:`tsrep.encoders.encoder.Encoder`.

    Parameters
    ----------
    make : callable
        ``make(channels)`` gives a fresh encoder.
    channels, length : int
        Of the signals to try it on; ``length`` in time steps, at least twice the stride.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    x = example_signal(4, channels, length)
    _check_shapes(make(channels), channels, length)
    _check_silence(make(channels), x)
    _check_batch_mates(make(channels).eval(), x)
    _check_keep(make(channels).eval(), x)
    _check_missing(make(channels), x)
    _check_visible(make(channels).eval(), x)
    _check_stages(make(channels).eval(), x)
    _check_slow_parameters(make(channels))
    _check_reach(make(channels).eval(), x)
    _check_round_trip(make, x)
    _check_last_step(make(channels).eval(), x)
    _check_sliding(make(channels).eval(), x[:1])
    _check_layer_groups(make(channels))
    _check_stem_weights(make, channels)
    encoder = make(channels)
    _backward(encoder(x), "the representation", encoder)


def _check_shapes(encoder: Encoder, channels: int, length: int) -> None:
    for name in ("dim", "stride", "receptive_field"):
        value = getattr(encoder, name, None)
        require(isinstance(value, int) and value > 0, f"{name} must be a positive int, not {value!r}")
    require(isinstance(getattr(encoder, "causal", None), bool), "attribute causal must be a bool")
    require(2 * encoder.stride <= length, f"try a length of at least {2 * encoder.stride} steps")
    for size, time in ((2, length), (1, length), (3, length + 1), (2, length - length // 3)):
        shape = tuple(encoder(example_signal(size, channels, time)).shape)
        expected = (size, encoder.dim, time // encoder.stride)
        require(shape == expected, f"{size} signals of {time} steps give shape {shape}, not {expected}")


def _check_silence(encoder: Encoder, x: Tensor) -> None:
    untouched = x.clone()
    with global_randomness_untouched("the encoder"):
        one, other = encoder(x), encoder(x)
    require(torch.equal(one, other), "two passes in training mode differ; an encoder holds no dropout")
    require(torch.equal(x, untouched), "the encoder writes into its input")
    with torch.no_grad(), state_untouched("a pass in evaluation mode", encoder.eval()):
        encoder(x)


def _check_batch_mates(encoder: Encoder, x: Tensor) -> None:
    others = torch.cat([x[:1], 5 * x[1:].flip(2) + 3])
    with torch.no_grad():
        alone, among, changed = encoder(x[:1]), encoder(x)[:1], encoder(others)[:1]
    require(
        close(alone, among) and close(among, changed),
        "in evaluation mode a sample's representation depends on its batch mates",
    )


def _check_keep(encoder: Encoder, x: Tensor) -> None:
    keep = torch.ones(len(x), x.shape[2], dtype=torch.bool)
    with torch.no_grad():
        require(close(encoder(x, keep), encoder(x)), "keeping all steps differs from giving no keep")
        keep[:, x.shape[2] // 2 :: 3] = False
        masked = encoder(x, keep)
        replaced = encoder(torch.where(keep[:, None], x, 7 * x - 2), keep)
        require(close(masked, replaced), "the values of steps that are not kept reach the representation")
        require(not close(masked, encoder(x)), "keep has no effect")
        steps = encoder.tokens(x, keep).mT if isinstance(encoder, TokenEncoder) else masked
        require(close(steps, masked), "tokens are not the steps of the representation, (batch, token, dim)")


def _check_missing(encoder: Encoder, x: Tensor) -> None:
    missing = x.clone()
    missing[0, 0, 5:9] = torch.nan
    missing[1] = torch.nan
    keep = ~missing.isnan().any(1)
    z = encoder(missing)
    require(
        bool(z.isfinite().all()),
        "missing values (NaN) make the representation not finite",
    )
    require(close(z, encoder(x, keep)), "steps with a missing value must count as not kept")
    _backward(z, "signals with missing values", encoder)


def _check_visible(encoder: Encoder, x: Tensor) -> None:
    """Where tokens can be left out, leaving them out is keeping none of their steps."""
    if encoder.token_overlap is None:
        return
    count = x.shape[2] // encoder.stride
    visible = torch.stack([(torch.arange(count // 2) + row) % count for row in range(len(x))]).sort(1)[0]
    with torch.no_grad():
        tokens = encoder.visible_tokens(x, visible)
        shape = (*visible.shape, encoder.dim)
        require(tuple(tokens.shape) == shape, f"visible_tokens gives {tuple(tokens.shape)}, not {shape}")
        require(
            close(encoder.visible_tokens(x, torch.arange(count).expand(len(x), -1)).mT, encoder(x)),
            "with all tokens visible, visible_tokens differs from the representation",
        )
        if encoder.token_overlap == 0:
            seen = torch.zeros(len(x), count, dtype=torch.bool).scatter(1, visible, True)
            keep = seen.repeat_interleave(encoder.stride, dim=1)
            z = encoder(x[..., : keep.shape[1]], keep).mT.take_along_dim(visible[..., None], dim=1)
            require(close(tokens, z), "hidden tokens reach the visible ones")


def _check_stages(encoder: Encoder, x: Tensor) -> None:
    if encoder.latent_dim is None:
        return
    with torch.no_grad():
        latent = encoder.latent(x)
        shape = (len(x), encoder.latent_dim, x.shape[2] // encoder.stride)
        require(tuple(latent.shape) == shape, f"latent has shape {tuple(latent.shape)}, not {shape}")
        require(close(encoder.context(latent), encoder(x)), "context of the latent is not the representation")


def _check_slow_parameters(encoder: Encoder) -> None:
    own = {id(parameter) for parameter in encoder.parameters()}
    slow = [id(parameter) for group in encoder.slow_parameters() for parameter in group.parameters]
    require(len(set(slow)) == len(slow), "slow_parameters has a parameter twice")
    require(own.issuperset(slow), "slow_parameters has parameters that are not the encoder's")


def _check_reach(encoder: Encoder, x: Tensor) -> None:
    x = x[:1].clone().requires_grad_()
    z = encoder(x)
    step = z.shape[2] // 2
    (grad,) = torch.autograd.grad(z[0, :, step].sum(), x)
    size = grad[0].abs().sum(0)
    reached = (size > ROUNDING * size.max()).nonzero()[:, 0]
    require(len(reached) > 0, "no input step reaches the middle of the representation")
    extent = int(reached.max() - reached.min()) + 1
    require(
        extent <= encoder.receptive_field,
        f"one output step sees {extent} input steps, but receptive_field is {encoder.receptive_field}",
    )
    last = (step + 1) * encoder.stride - 1
    require(
        not encoder.causal or int(reached.max()) <= last,
        f"the encoder calls itself causal, but output step {step} sees input step {int(reached.max())}",
    )


def _check_last_step(encoder: Encoder, x: Tensor) -> None:
    missing = x.clone()
    missing[..., : x.shape[2] // 3] = torch.nan
    with torch.no_grad():
        reader = encoder.last_step_reader()
        for window in (x[..., 1:], x[..., -2 * encoder.stride :], missing):
            whole = encoder(window[..., window.shape[2] % encoder.stride :])[..., -1]
            for last_step in (encoder.last_step, reader):
                require(
                    close(last_step(window), whole),
                    "last_step differs from the last output of a pass over the window that ends there",
                )


def _check_sliding(encoder: Encoder, x: Tensor) -> None:
    context = min(max(encoder.receptive_field, encoder.stride), x.shape[2] // 2) - 1
    padded = torch.nn.functional.pad(x, (context, 0), value=torch.nan)
    windows = padded[0].unfold(-1, context + 1, 1).transpose(0, 1)
    require(
        close(sliding_last_step(encoder, x, context)[0].T, encoder.last_step(windows)),
        "sliding encoding differs from encoding each window; a causal encoder may not know where it is",
    )


def _check_layer_groups(encoder: Encoder) -> None:
    groups = encoder.layer_groups()
    names = [name for name, _ in groups]
    grouped = [name for _, group in groups for name in group]
    require(len(set(grouped)) == len(grouped), "layer_groups has a parameter in more than one group")
    require(len(set(names)) == len(names), "layer_groups has two groups of one name")
    own = {name for name, _ in encoder.named_parameters()}
    require(set(grouped) == own, "layer_groups lacks parameters of the encoder, or has others")
    require(all(group for _, group in groups), "layer_groups has an empty group")


def _check_stem_weights(make: Make, channels: int) -> None:
    """Of an encoder that says them; two more channels change no other shape."""
    narrow, wide = make(channels), make(channels + 2)
    try:
        stem = {weight.name: weight for weight in narrow.stem_weights()}
    except ConfigError:
        return
    wider = wide.state_dict()
    for name, weight in narrow.state_dict().items():
        expected = list(weight.shape)
        if name in stem:
            expected[stem[name].axis] += 2 * stem[name].block
        told = "stem_weights does not say how the shape of {} depends on the number of channels"
        require(list(wider[name].shape) == expected, told.format(name))


def _check_round_trip(make: Make, x: Tensor) -> None:
    one, other = make(x.shape[1]).eval(), make(x.shape[1]).eval()
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        require(torch.equal(one(x), other(x)), "state_dict lacks something that the output depends on")


def _backward(z: Tensor, what: str, encoder: Encoder) -> None:
    """Require gradients of a representation; an encoder without parameters owes none."""
    if any(parameter.requires_grad for parameter in encoder.parameters()):
        require(z.requires_grad, f"no gradient of {what} reaches any parameter")
        torch.autograd.backward(z.square().mean())
    require_gradients(what, encoder)
