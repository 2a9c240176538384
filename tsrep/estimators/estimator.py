"""What every estimator adds to sktime's: files that execute nothing, and fits inside scikit-learn's searches.

A file is a zip with ``estimator.json`` and ``weights.safetensors``. ``_metadata`` beside them names the class
in the way that ``sktime.base.load`` asks for, which is a pickle; :meth:`Estimator.load` never looks at it.
"""

from __future__ import annotations

import io
import json
import pickle
from abc import abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self
from zipfile import BadZipFile, ZipFile

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensors_as_bytes
from torch import Tensor

from tsrep.errors import ConfigError, RunError
from tsrep.estimators.parameters import seed_of
from tsrep.files import replacing

FORMAT = "tsrep.estimator/1"
CONTEXT = "_parent_callback_ctx"
Stored = tuple[dict[str, Any], dict[str, Tensor]]


@dataclass(eq=False, repr=False)
class Estimator:
    """An estimator that tells its fitted state as plain facts and tensors.

    Mixed in before a base class of sktime; a new estimator implements ``_stored`` and ``_restore``.

    Attributes
    ----------
    _test_params : list of dict
        Small settings for sktime's tests.
    """

    _: KW_ONLY
    epochs: int = 20
    batch_size: int = 64
    lr: float = 1e-3
    training_params: Mapping[str, Any] | None = None
    device: str = "auto"
    random_state: Any = None

    _tags: ClassVar[dict[str, Any]] = {
        "authors": ["tsrep developers"],
        "maintainers": ["tsrep developers"],
        "python_dependencies": "torch",
        "capability:multivariate": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    _test_params: ClassVar[list[dict[str, Any]]]

    def __post_init__(self) -> None:
        if "_tags_dynamic" not in vars(self):  # constructors of sktime end with a call of this very method
            super().__init__()

    def set_params(self, **params: Any) -> Self:
        """Set parameters, of the mappings of settings also single ones: ``encoder_params__width=8``.

        So that a grid search may go over the settings of an encoder, an objective or the training.
        """
        whole = {name: value for name, value in params.items() if not _is_setting(name)}
        super().set_params(**whole)  # type: ignore[misc]  # of sktime's base class
        for name in params.keys() - whole.keys():
            mapping, _, setting = name.partition("__")
            held = {**(getattr(self, mapping) or {}), setting: params[name]}
            super().set_params(**{mapping: held})  # type: ignore[misc]
        return self

    def reset(self) -> Self:
        """Forget what was fitted, but not what scikit-learn (1.9) notes while it fits the estimator."""
        kept: dict[str, Any] = {CONTEXT: self.__dict__[CONTEXT]} if CONTEXT in self.__dict__ else {}
        super().reset()  # type: ignore[misc]  # of sktime's base class
        self.__dict__.update(kept)
        return self

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small settings for sktime's tests."""
        del parameter_set
        return deepcopy(cls._test_params)

    @abstractmethod
    def _stored(self) -> Stored:
        """Plain facts and tensors of the fitted state."""

    @abstractmethod
    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Take the fitted state from what :meth:`_stored` gave."""

    def save(self, path: str | Path | None = None) -> Any:
        """Write the fitted estimator.

        Parameters
        ----------
        path : str or Path, optional
            Of the file; ``.zip`` is added where it is missing.

        Returns
        -------
        Path
            Of the file; without a path the class and its bytes, for ``sktime.base.load``.

        Raises
        ------
        NotFittedError
            When there is nothing to write.
        ConfigError
            When a parameter is no plain value.
        RunError
            When the file cannot be written.
        """
        if getattr(self, "state", None) != "pretrained":
            self.check_is_fitted()  # type: ignore[attr-defined]  # of sktime's base class
        content = self._as_bytes()
        if path is None:
            return type(self), content
        target = _file_of(path)
        with replacing(target) as temporary:
            temporary.write_bytes(content)
        return target

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; nothing in the file is executed.

        Raises
        ------
        RunError
            When the file is missing or broken, or holds another estimator.
        """
        target = _file_of(path)
        try:
            content = target.read_bytes()
        except OSError as error:
            raise RunError(
                f"{target} cannot be read ({error.strerror}); give the file that save wrote"
            ) from error
        return cls._from_bytes(content, str(target))

    @classmethod
    def load_from_path(cls, serial: str | Path) -> Self:
        """As :meth:`load`; what ``sktime.base.load`` calls."""
        return cls.load(serial)

    @classmethod
    def load_from_serial(cls, serial: bytes) -> Self:
        """From the bytes of ``save()``; what ``sktime.base.load`` calls."""
        return cls._from_bytes(serial, "what was saved")

    def _as_bytes(self) -> bytes:
        facts, tensors = self._stored()
        given = self.get_params(deep=False)  # type: ignore[attr-defined]  # of sktime's base class
        params = {k: json.loads(json.dumps(v, default=partial(_plain, k))) for k, v in given.items()}
        told = {"format": FORMAT, "class": type(self).__name__, "params": params, "facts": facts}
        buffer = io.BytesIO()
        with ZipFile(buffer, "w") as file:
            file.writestr("_metadata", pickle.dumps(type(self)))
            file.writestr("estimator.json", json.dumps(told, indent=2))
            # copies, as weights that stand under two names are refused
            kept = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
            file.writestr("weights.safetensors", tensors_as_bytes(kept))
        return buffer.getvalue()

    @classmethod
    def _from_bytes(cls, content: bytes, source: str) -> Self:
        try:
            with ZipFile(io.BytesIO(content)) as file:
                told = json.loads(file.read("estimator.json"))
                tensors = read_tensors(file.read("weights.safetensors"))
            if told["format"] != FORMAT:
                raise ValueError(f"format {told['format']}")
            kind, params, facts = told["class"], told["params"], told["facts"]
        except (BadZipFile, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{source} is no estimator of this version ({error}); fit and save it again"
            ) from error
        if kind != cls.__name__:
            raise RunError(f"{source} holds a {kind}, not a {cls.__name__}; load it with {kind}.load")
        estimator = cls(**params)
        try:
            estimator._restore(facts, tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(f"{source} is broken ({type(error).__name__}); fit and save it again") from error
        return estimator


def _is_setting(name: str) -> bool:
    """Whether it names a setting within a mapping of them."""
    return name.partition("__")[0].endswith("_params") and "__" in name


def _file_of(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".zip" else path.with_name(f"{path.name}.zip")


def _plain(name: str, value: Any) -> Any:
    """What JSON does not know, in a parameter, as what it knows; a generator as the seed that it gives."""
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return seed_of(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigError(
        f"parameter {name} is a {type(value).__name__}, which cannot be stored; give a plain value"
    )


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors whose names have a prefix, by the names without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): v for name, v in tensors.items() if name.startswith(start)}
