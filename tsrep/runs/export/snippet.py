"""Ten lines of NumPy and onnxruntime that predict a recording with an exported file, without this package."""

from __future__ import annotations

from collections.abc import Sequence

from tsrep.evaluation.heads.head import Head
from tsrep.runs.export.preprocessing import Division, by_window
from tsrep.signals.contract import SignalContract, Standardise

_START = """\
import json, numpy as np, onnxruntime as ort
s = ort.InferenceSession("{file}", providers=["CPUExecutionProvider"])
m = json.loads(s.get_modelmeta().custom_metadata_map["tsrep"]); c, h = m["contract"], m["head"]
def predict(x):  # x (channel, time): m["channels"], at c["sfreq"] Hz, in c["unit"]
    assert x.shape[0] == len(m["channels"]), m["channels"]
"""
_WINDOWS = """\
    n, t = c["window"]["steps"], x.shape[1]; assert t {fits} n, n
    w = np.stack([x[:, a:a + n] for a in {starts}]).astype(np.float32)
"""
_WHOLE = """\
    w = x[None].astype(np.float32)
"""
_RUN = """\
    p = s.run(["probability"], {"x": w})[0].astype(float)"""
_END = """\
    return dict(zip(h["classes"], p.tolist()))
"""
_MEAN, _MAX = ".mean(0)\n", ".max(0)\n"
_LOGITS = """\
    k = h["calibration"]; lo, hi = k["floor"]["low"], k["floor"]["high"]; q = np.log(np.maximum(p, lo))
"""
_SIGMOID = """\
    q = 1 / (1 + np.exp(-((q - np.log(np.maximum(1 - p, hi))) / k["temperature"] + k["bias"])))
"""
_SOFTMAX = """\
    q = np.exp(q / k["temperature"] + k["bias"]); q = q / q.sum()
"""
_STEPS = """\
    p = np.array([b if g is None else np.interp(a, g["at"], g["value"]) for a, b, g in zip(p, q, k["steps"])])
"""
_ADDING_UP = """\
    p = p / p.sum() if p.sum() > 0 else q
"""


def snippet(file: str, contract: SignalContract, division: Division, head: Head, *, calibrated: bool) -> str:
    """Python source of ``predict``, from a recording to the probability of each class.

    Parameters
    ----------
    file : str
        Name of the ONNX file.
    contract : SignalContract
    division : Division
        What of the preprocessing the file does, so that the source does the rest.
    head : Head
    calibrated : bool
        Whether the file gives calibrated probabilities.
    """
    text = _START.format(file=file) + _indented(_before(contract, division))
    text += _windows(contract) if contract.window.steps else _WHOLE
    text += _indented(_within(contract, division))
    text += _RUN + (_MEAN if head.aggregate == "mean" else _MAX)
    if head.aggregate == "max" and not head.multilabel:
        text += "    p = p / p.sum()\n"
    return text + ("" if calibrated else _calibration(head)) + _END


def _windows(contract: SignalContract) -> str:
    fits = "==" if contract.window.longer in ("refuse", "interpolate") else ">="
    return _WINDOWS.format(starts=_starts(contract), fits=fits)


def _starts(contract: SignalContract) -> str:
    window = contract.window
    if window.longer in ("crop-start", "refuse", "interpolate"):
        return "[0]"
    if window.longer == "crop-centre":
        return "[(t - n) // 2]"
    hop = "n" if window.hop_seconds is None else str(max(round(window.hop_seconds * contract.sfreq), 1))
    slide = f"range(0, t - n + 1, {hop})"
    return f"sorted({{*{slide}, t - n}})" if window.tail == "align" else slide


def _before(contract: SignalContract, division: Division) -> list[str]:
    """What must be done to a whole recording, ``x``, before windows are cut."""
    lines = []
    if contract.missing_values == "interpolate":
        lines.append("assert np.isfinite(x).all()  # no missing values")
    if "reference" in division.outside:
        average = contract.reference == "average"
        lines.append("x = x - x.mean(0)" if average else f"# x has the reference {contract.reference}")
    if "filter" in division.outside and contract.filter_when != "in window":
        lines += _filters(contract)
    if "standardise" in division.outside and not by_window(contract):
        lines += _standardised(contract.standardise, "1")
    return lines


def _within(contract: SignalContract, division: Division) -> list[str]:
    """What must be done to windows, ``x`` of shape (window, channel, time), that the file does not do."""
    lines, how = [], contract.standardise
    if "filter" in division.outside and contract.filter_when == "in window":
        lines += _filters(contract)
    if "standardise" in division.outside and by_window(contract):
        lines += _standardised(how, "2")
    if "missing" in division.outside:
        value = "0" if contract.missing_values == "zero" else "np.nanmean(x, 2, keepdims=True)"
        lines.append(f"x = np.where(np.isnan(x), {value}, x)")
    if "clip and scale" in division.outside:
        clipped = "x" if how.clip is None else f"np.clip(x, {how.clip[0]}, {how.clip[1]})"
        lines.append(f"x = {clipped} * {contract.scale}")
    return ["x = w", *lines, "w = x.astype(np.float32)"] if lines else []


def _indented(lines: Sequence[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def _filters(contract: SignalContract) -> list[str]:
    steps = [step.within(contract.sfreq / 2) for step in contract.filter or ()]
    sources = [step.source(contract.sfreq) for step in steps if step is not None]
    return ["from scipy import ndimage, signal", *sources] if sources else []


def _standardised(how: Standardise, axis: str) -> list[str]:
    if how.how in ("global", "channel"):
        return [
            'a, d = (np.array(c["standardise"][k])[:, None] for k in ("mean", "std"))',
            f"x = (x - a) / (d + {how.eps})",
        ]
    if how.how.endswith("-all") or how.how == "minmax-record":
        axis = {"1": "None", "2": "(1, 2)"}[axis]
    if how.how.startswith("minmax"):
        low, high = how.range or (0.0, 1.0)
        middle = (low + high) / 2
        return [
            f"a, b = np.nanmin(x, {axis}, keepdims=True), np.nanmax(x, {axis}, keepdims=True)",
            f"x = np.where(b > a, {low} + (x - a) * {high - low} / np.maximum(b - a, 1e-30), {middle})",
        ]
    return [
        f"a, d = np.nanmean(x, {axis}, keepdims=True), np.nanstd(x, {axis}, keepdims=True)",
        f"x = (x - a) / (np.where(d <= 1.2e-7 * abs(a), np.maximum(abs(a), 1), d) + {how.eps})",
    ]


def _calibration(head: Head) -> str:
    """Calibration of the probabilities of a recording, in the words of :class:`Calibration`."""
    if head.calibration is None:
        return ""
    text = _LOGITS + (_SIGMOID if head.multilabel else _SOFTMAX)
    if any(head.calibration.steps):
        return text + _STEPS + ("" if head.multilabel else _ADDING_UP)
    return text + "    p = q\n"
