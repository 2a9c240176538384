"""Registries: names are read from the source, and a module is imported when its part is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import tsrep
from tsrep.errors import ConfigError, UnknownPart
from tsrep.listing import described, listed
from tsrep.objectives.autotcl import FORMS
from tsrep.registry import REGISTRIES, Registry, list_registered

PLUG_IN = '''
"""A view of a plug-in."""
from tests.test_registry import PARTS


@PARTS.register("turned")
class Turned:
    """Each sample turned round.

    References
    ----------
    Nobody et al., "Turning", 2024. Deviations: none.
    """

    def __init__(self, chance: float = 0.5) -> None:
        self.chance = chance
'''
PARTS = Registry("part", "tests.no_such_package")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write a module and declare its entry points for one test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def installed(module: str, source: str, *points: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        found = [EntryPoint(name, module, PARTS.packages[0]) for name in points]
        monkeypatch.setattr("tsrep.registry.registry.plug_ins", lambda group: found)
        vars(PARTS).pop("_sources", None)

    yield installed
    vars(PARTS).pop("_sources", None)
    PARTS._entries.clear()
    listed.cache_clear()
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("registry", [*REGISTRIES.values(), FORMS], ids=lambda each: str(each.kind))
def test_listed_names_are_those_of_the_modules(registry: Registry) -> None:
    names = registry.names()
    assert {name: registry.entry(name).name for name in names} == dict(zip(names, names, strict=True))
    assert registry.names() == names
    for name in names:
        part = registry.entry(name).cls
        found = registry.describe(name)
        assert (found.name, found.module) == (name, part.__module__)
        assert found.summary == described(name, "", part.__doc__).summary != ""


def test_listing_imports_nothing() -> None:
    code = (
        "import sys, tsrep; print([len(tsrep.list_registered(kind)) for kind in ('encoders', 'objectives', "
        "'losses', 'protocols', 'views', 'datasets', 'splits', 'samplers')]); "
        "print({'torch', 'numpy', 'pandas'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "set()"


def test_python_lists_what_the_command_lists() -> None:
    found = {part.name: part for part in tsrep.list_registered("protocols")}
    assert found["knn"].reference.startswith("Wu et al.")
    assert found["knn"].summary.startswith("Weighted vote of the nearest")
    assert [part.name for part in list_registered("splits")] == REGISTRIES["splits"].names()
    with pytest.raises(ConfigError, match="there is no list of 'encoder'; did you mean 'encoders'"):
        list_registered("encoder")


@pytest.mark.parametrize(
    ("section", "reference"),
    [
        ('Bai et al., "TCN",\n2018.\n\nMore.', 'Bai et al., "TCN", 2018.'),
        (".. [1] Li JH, Wu K. On it. 2020.\n.. [2] Other.", "Li JH, Wu K. On it. 2020."),
        ("Li et al. The title, ICML 2020. Deviations: some.", "Li et al. The title, ICML 2020."),
    ],
)
def test_a_reference_is_the_first_of_its_section(section: str, reference: str) -> None:
    text = f"What it is.\n\nParameters\n----------\nx : int\n\nReferences\n----------\n{section}"
    assert described("x", "m", text).reference == reference


@pytest.mark.parametrize("path", ["/data/mine", "./mine", "mine.csv", r"c:\\mine"])
def test_a_path_in_place_of_a_data_set_is_told_as_such(path: str) -> None:
    with pytest.raises(UnknownPart, match=r"is a path, not a name; .* --root"):
        tsrep.load(path)


def test_a_plug_in_is_listed_unloaded_and_loaded_when_chosen(install: Callable[..., None]) -> None:
    install("turning", PLUG_IN, "turned")
    assert PARTS.names() == ["turned"]
    assert PARTS.describe("turned").summary == "Each sample turned round."
    assert PARTS.describe("turned").reference == 'Nobody et al., "Turning", 2024.'
    assert "turning" not in sys.modules
    assert PARTS.entry("turned").settings().model_dump() == {"name": "turned", "chance": 0.5}


def test_a_plug_in_may_call_its_entry_point_otherwise(install: Callable[..., None]) -> None:
    install("turning", PLUG_IN, "all-parts")
    assert PARTS.names() == ["turned"]
    assert PARTS.entry("turned").cls.__name__ == "Turned"


def test_names_that_the_source_does_not_say_are_found_when_asked_for(install: Callable[..., None]) -> None:
    install("turning", PLUG_IN.replace('"turned"', '"tur" + "ned"'), "other")
    assert PARTS.entry("turned").cls.__name__ == "Turned"
    assert "turned" in PARTS.names()
    with pytest.raises(ConfigError, match="turning registers no part 'other'; name its entry point as it"):
        PARTS.entry("other")


def test_a_broken_plug_in_is_one_sentence_when_it_is_chosen(install: Callable[..., None]) -> None:
    install("turning", "import not_there", "turned")
    assert PARTS.names() == ["turned"]
    for _ in range(2):
        with pytest.raises(
            ConfigError, match=r"the plug-in 'turned' of turning cannot be loaded .*not_there"
        ):
            PARTS.entry("turned")


@pytest.mark.parametrize("source", ["class Turned(:", "raise SystemExit(3)", "x = '\\0'\0"])
def test_a_module_that_cannot_be_read_or_run_is_told_when_it_is_chosen(
    install: Callable[..., None], source: str
) -> None:
    install("turning", source + "  # PARTS.register(", "turned")
    assert PARTS.names() == ["turned"]
    assert PARTS.describe("turned").summary == ""
    with pytest.raises(UnknownPart, match=r"unknown part .other.; (did you mean|known)"):
        PARTS.entry("other")
    with pytest.raises(ConfigError, match=r"the plug-in 'turned' of turning cannot be loaded") as caught:
        PARTS.entry("turned")
    assert "\n" not in str(caught.value)


def test_a_name_is_registered_once(install: Callable[..., None]) -> None:
    for _ in range(2):  # as the cell of a notebook that is run again

        @PARTS.register("turned")
        class Mine:
            """Of a notebook."""

    assert PARTS.names() == ["turned"]
    assert PARTS.entry("turned").cls is Mine
    assert PARTS.describe("turned").summary == "Of a notebook."
    with pytest.raises(ConfigError, match="two part classes are registered as 'turned'"):

        @PARTS.register("turned")
        class Other:
            """Another one."""


def test_two_plug_ins_of_one_name_are_refused(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("turning", PLUG_IN, "turned")
    (tmp_path / "again.py").write_text(PLUG_IN)
    points = [EntryPoint("turned", module, PARTS.packages[0]) for module in ("turning", "again")]
    monkeypatch.setattr("tsrep.registry.registry.plug_ins", lambda group: points)
    with pytest.raises(ConfigError, match="turning and again both register 'turned'; rename a part"):
        PARTS.names()


def test_a_function_has_settings_by_keyword_only(install: Callable[..., None]) -> None:
    @PARTS.register("pull", runtime=("weight",))
    def pull(z1: object, z2: object, *, weight: float, temperature: float = 0.1) -> float:
        """Of two views."""
        return temperature * weight

    assert pull(0, 0, weight=2.0) == 0.2
    entry = PARTS.entry("pull")
    assert entry.cls is pull
    assert entry.settings(temperature=3).model_dump() == {"name": "pull", "temperature": 3.0}
    with pytest.raises(ValueError, match="unknown setting weight; known: name, temperature"):
        entry.settings(weight=1)


def test_types_of_what_the_run_gives_need_not_be_imported(install: Callable[..., None]) -> None:
    source = PLUG_IN.replace("self, chance", "self, panel: 'NotImported', chance")
    install("turning", source.replace('"turned")', '"turned", runtime=("panel",))'), "turned")
    assert list(PARTS.entry("turned").settings.model_fields) == ["name", "chance"]
