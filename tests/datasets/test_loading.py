"""Loading by name, by mapping and by checked settings; every data set says what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tsrep.datasets import About, Dataset, about, build, load
from tsrep.datasets.dataset import cache_folder, default_folder
from tsrep.datasets.loading import default_splits
from tsrep.datasets.tables.reading import codes, integers, read_table
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS, SPLITS
from tsrep.signals import Panel

REQUIRED = {
    "cohorts": {"of": {"a": {"name": "ptb-xl"}, "b": {"name": "mitdb"}}},
    "part-of": {"of": {"name": "ptb-xl"}, "where": {"site": "1"}},
}


@pytest.mark.parametrize("name", DATASETS.names())
def test_every_data_set_introduces_itself(name):
    facts = about(name)
    assert isinstance(facts, About)
    assert facts.title
    assert facts.licence
    assert facts.default_split in SPLITS.names()
    required = DATASETS.entry(name).settings.model_fields.items()
    some = {"leads": ("I",)} | REQUIRED.get(name, {})
    settings = {key: some.get(key, 100) for key, field in required if field.is_required()}
    assert build(name, **settings).default_split in SPLITS.names()
    assert bool(facts.base_url) == bool(facts.size_mb)


PEOPLE = {
    "apava": "subject", "arrays": "patient", "bids": "subject", "cinc2021": "recording", "code15": "patient",
    "cohorts": "patient", "cpsc2021": "patient", "ds004504": "subject", "eeg": "patient", "hdf5": "patient",
    "mitdb": "patient", "panel-csv": "patient", "part-of": "patient", "ptb-diagnostic": "patient",
    "ptb-xl": "patient",
    "ptb-xl-plus": "patient", "ptb-xl-sample": "patient", "ptb-xl-sim": "patient", "sleep-edf": "subject",
    "tdbrain": "subject", "ucr-uea": "recording", "wfdb": "patient", "wfdb-beats": "patient",
    "zarr": "patient",
}  # fmt: skip


@pytest.mark.parametrize("name", DATASETS.names())
def test_every_data_set_says_who_is_independent(name):
    assert about(name).independence == PEOPLE.get(name, "unknown")
    assert (name in PEOPLE) == (DATASETS.entry(name).cls.task == "panel")
    assert DATASETS.entry(name).cls.task == SPLITS.entry(about(name).default_split).cls.task


@pytest.mark.parametrize("name", DATASETS.names())
def test_facts_for_a_list_are_read_without_importing(name):
    told = DATASETS.describe(name).keywords("about", ("title", "licence", "records", "patients", "steps"))
    assert {key: getattr(about(name), key) for key in told} == told
    assert {"title", "licence"} <= set(told)


class Ones(Dataset):
    """Twelve records of ones, or as many as the file says."""

    name = "Ones"
    about = About(title="Ones", licence="none", citation="", url="", needs=("count.txt",))

    def read(self, folder, *, cache, strict, progress):
        self.options = (cache, strict, progress)
        n = int((folder / "count.txt").read_text())
        return Panel.from_arrays(np.ones((n, 1, 5)), label=np.zeros(n), patient=np.arange(n), sfreq=1)


def test_a_data_set_overrides_one_method(tmp_path, monkeypatch):
    monkeypatch.setenv("TSREP_DATA", str(tmp_path))
    ones = Ones()
    assert (ones.name, ones.default_split, ones.task) == ("Ones", "stratified", "panel")
    with pytest.raises(DataError, match=r"no folder .*Ones to read Ones from; use `--root DIR`"):
        ones.load(None)
    (tmp_path / "Ones").mkdir()
    with pytest.raises(DataError, match=r"does not look like Ones: count\.txt is missing"):
        ones.load(None)
    (tmp_path / "Ones/count.txt").write_text("3")
    assert (
        len(ones.load(None)) == len(ones.load(str(tmp_path / "Ones"), cache=str(tmp_path), strict=True)) == 3
    )
    assert ones.options == (tmp_path, True, True)


def test_identities_are_exact():
    long = ["12345678901234567", "12345678901234568.0", " -9223372036854775807"]
    want = [12345678901234567, 12345678901234568, -9223372036854775807]
    assert codes(long)[0].tolist() == integers(Path("t.csv"), "id", long).tolist() == want
    assert codes(long)[1] == ()
    padded, names = codes(["1", "001", "01", " 001 "])
    assert (padded.tolist(), names) == ([2, 0, 1, 0], ("001", "01", "1"))
    assert codes(["0", "0.0", "10"])[0].tolist() == [0, 0, 10]
    assert codes(["9223372036854775808", "9223372036854775809"])[0].tolist() == [0, 1]
    assert codes(["1.5", "nan"])[1] == ("1.5", "nan")


def test_names_mappings_and_settings_are_the_same(tmp_path):
    model = DATASETS.entry("ptb-xl-sim").settings
    mapping = {"name": "ptb-xl-sim", "patients": 10}
    same = [
        load(given, cache=tmp_path, progress=False, **more)
        for given, more in (("ptb-xl-sim", {"patients": 10}), (mapping, {}), (model(patients=10), {}))
    ]
    assert len({panel.digest for panel in same}) == 1
    with pytest.raises(ConfigError, match="need a name"):
        build({"patients": 10})
    with pytest.raises(ConfigError, match="unknown dataset 'ptb'"):
        about("ptb")


def test_the_split_that_a_setting_calls_for_is_told():
    assert default_splits("ptb-xl") == ["official", "per-class-order with task=medformer"]
    assert default_splits("ptb-xl-sim") == ["official", "per-class-order with task=medformer"]
    assert default_splits("arrays") == ["stratified"]


def test_places(tmp_path, monkeypatch):
    monkeypatch.setenv("TSREP_DATA", str(tmp_path / "d"))
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path / "c"))
    assert default_folder("ptb-xl") == tmp_path / "d" / "ptb-xl"
    assert cache_folder(None) == tmp_path / "c"
    assert cache_folder("x").name == "x"
    monkeypatch.delenv("TSREP_CACHE")
    assert cache_folder(None).name == "panels"
    monkeypatch.delenv("TSREP_DATA")
    assert default_folder("ptb-xl") == cache_folder(None).parent / "ptb-xl"


def test_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfid,text\r\n1,"a, b\r\nc"\r\n\r\n2.0,\xc3\xa9\r\n')
    table = read_table(path, ["text", "id"])
    assert table == {"text": ["a, b\r\nc", "é"], "id": ["1", "2.0"]}
    assert integers(path, "id", table["id"]).tolist() == [1, 2]
    assert codes(["7", "3.0"])[0].tolist() == [7, 3]
    assert codes(["b", "a", "b"])[0].tolist() == [1, 0, 1]
    for content in (b"", b"id,text\n", b"\xff\xfe", b"id,text\n1\n"):
        path.write_bytes(content)
        with pytest.raises(DataError):
            read_table(path, ["id", "text"])
    with pytest.raises(DataError, match=r"'1\.5' as id, which must be a whole number"):
        integers(path, "id", ["1", "1.5"])
