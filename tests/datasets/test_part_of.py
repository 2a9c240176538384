"""Some recordings of a data set, by what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets.recordings import write_ptb_xl
from tsrep.datasets import load
from tsrep.datasets.loading import build
from tsrep.errors import TsrepError
from tsrep.registry import SPLITS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("part") / "xl"
    write_ptb_xl(folder, [{"NORM": 100.0}, {"IMI": 100.0}] * 20)
    table = (folder / "ptbxl_database.csv").read_text().splitlines()
    sites = [f"{line},{('north', 'south', '')[k % 3]}" for k, line in enumerate(table[1:])]
    (folder / "ptbxl_database.csv").write_text("\n".join([f"{table[0]},site", *sites]) + "\n")
    return folder


def part(root: Path, **where: Any) -> Any:
    return {"name": "part-of", "of": {"name": "ptb-xl", "root": str(root)}, "where": where}


def test_recordings_of_a_site(root: Path) -> None:
    whole, north = load("ptb-xl", root), load(part(root, site="north"), None)
    assert len(north) == 14
    assert set(north.meta["site"]) == {"north"}
    np.testing.assert_array_equal(north.x, whole.x[np.arange(len(whole)) % 3 == 0])
    assert north.source.endswith(", site north")
    assert north.digest not in ("", whole.digest)
    assert north.excluded[-1] == ("of another site", 26, "sample")
    both = load(part(root, site=["north", "south"]), None)
    assert len(both) == 27
    made = build(part(root, site="north"))
    assert (made.independence, made.default_split, made.holds) == ("patient", "official", ("ptb-xl",))
    assert len(SPLITS.build({"name": "official"})(north).train)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"where": {"site": "nort"}}, "did you mean 'north'"),
        ({"where": {"sites": "north"}}, "names 'sites'; of PTB-XL .* is known: site"),
        ({"where": {}}, "dataset.where|where"),
        ({"of": {"root": "x"}}, "dataset.of has no name"),
        ({"of": {"name": "ptb-xl", "task": "none"}}, "dataset.of: task is 'none'"),
    ],
)
def test_refusals(root: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TsrepError, match=message):
        load(part(root, site="north") | settings, None)
    with pytest.raises(TsrepError, match="no root of its own"):
        load(part(root, site="north"), root)


OWN = {"name": "arrays", "sfreq": 100}
SITE = {"name": "part-of", "where": {"site": "1"}}


@pytest.mark.parametrize(
    ("one", "other", "kin"),
    [
        ({"name": "ptb-xl"}, {"name": "ptb-diagnostic"}, True),
        ({"name": "ptb-xl-sample"}, {"name": "cinc2021", "sources": ["ptb"]}, True),
        (
            {"name": "cinc2021", "sources": ["cpsc_2018"]},
            {"name": "cinc2021", "sources": ["cpsc_2018_extra"]},
            True,
        ),
        ({"name": "cinc2021", "sources": ["georgia"]}, {"name": "cinc2021", "sources": ["cpsc_2018"]}, False),
        ({"name": "ptb-xl"}, {"name": "code15"}, False),
        (
            SITE | {"of": OWN | {"root": "a"}},
            SITE | {"of": OWN | {"root": "a"}},
            True,
        ),
        (
            SITE | {"of": OWN | {"root": "a"}},
            SITE | {"of": OWN | {"root": "b"}},
            False,
        ),
        (OWN, OWN, False),
    ],
)
def test_sets_of_one_institution_are_kin(one: dict[str, Any], other: dict[str, Any], kin: bool) -> None:
    assert bool(set(build(one).kin) & set(build(other).kin)) is kin
