"""The time of a program by kind of operator, as the profiler sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

REST, CALLS, PRODUCTS, ATTENTION = "elementwise and sums", "calls", "matrix products", "attention"
KINDS = {  # parts of operators' names, the first kind that fits
    CALLS: ("view", "::t.", "transpose", "as_strided", "slice", "empty", "expand", "split", "narrow", "gru."),
    ATTENTION: ("scaled_dot_product", "softmax"),
    PRODUCTS: ("mm", "mkldnn", "convolution", "lstm"),
    "Fourier transforms": ("_fft",),
    "optimiser": ("adamw", "foreach", "vector_norm", "lerp"),
    "copies": ("copy", "cat", "fill", "clone", "gather", "scatter", "index", "pad", "stack", "zero"),
}


def kind_of(operator: str) -> str:
    """The kind of an operator; what is none, such as a node of the gradient's graph, is a call."""
    if not operator.startswith("aten::"):
        return "optimiser" if operator.startswith("Optimizer") else CALLS
    whole = f"{operator}."  # so that a name can be asked for to its end
    return next((kind for kind, names in KINDS.items() if any(name in whole for name in names)), REST)


def shares(run: Callable[[], object]) -> dict[str, float]:
    """Share of each kind in the time of what is run."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run()
    times: Counter[str] = Counter()
    for event in profiler.key_averages():
        times[kind_of(event.key)] += float(event.self_cpu_time_total)
    return {kind: time / times.total() for kind, time in times.most_common()}
