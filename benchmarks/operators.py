"""The time of a program by kind of operator, as the profiler sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

REST, CALLS, PRODUCTS, ATTENTION = "elementwise and sums", "calls", "matrix products", "attention"
VIEWS = (
    "view ::t. mT. transpose as_strided slice. empty expand split narrow reshape permute select. squeeze "
    "detach alias ::to. linear. matmul einsum ::fft_ ::gru ::lstm _cell flatten chunk resize item. "
    "_local_scalar"
)
KINDS = {  # parts of operators' names, each begun by :: and ended by a dot; the first kind that fits
    ATTENTION: "scaled_dot_product _softmax. ::softmax softmax_backward",
    PRODUCTS: "mm. mm_ mkldnn conv rnn_layer",
    "Fourier transforms": "_fft_",
    "optimiser": "adamw foreach vector_norm lerp",
    CALLS: VIEWS,
    "copies": "copy cat. fill clone gather scatter index pad stack zero slice_",
}


def kind_of(operator: str) -> str:
    """The kind of an operator; what is none, such as a node of the gradient's graph, is a call."""
    if not operator.startswith("aten::"):
        return "optimiser" if operator.startswith("Optimizer") else CALLS
    whole = f"{operator}."
    if "log_softmax" in operator:  # of a loss
        return REST
    fitting = (kind for kind, names in KINDS.items() if any(name in whole for name in names.split()))
    return next(fitting, REST)


def shares(run: Callable[[], object]) -> dict[str, float]:
    """Share of each kind in the time of what is run."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run()
    times: Counter[str] = Counter()
    for event in profiler.key_averages():
        times[kind_of(event.key)] += float(event.self_cpu_time_total)
    return {kind: time / times.total() for kind, time in times.most_common()}
