"""Files of another kind than their name says, names given twice, links and files in the way."""

from __future__ import annotations

import gzip
from fractions import Fraction
from pathlib import Path

import pytest

from tsrep.datasets.series.table import read_series_table, read_values
from tsrep.datasets.tables.long_rows import read_frame
from tsrep.datasets.tables.reading import column_names, read_table
from tsrep.datasets.unlabelled.found import find
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.files import refuse_below_file, refuse_other_folder, refuse_taken, write_text
from tsrep.runs.in_progress import refuse_taken as refuse_taken_folder
from tsrep.runs.score_file.form import Form
from tsrep.signals.resample import nearest_ratio, ratio_of

TEXT = "record,patient,label\na,1,ill\nb,2,well\n"
READERS = {
    "table": lambda path: read_table(path, ["record"]),
    "names": column_names,
    "long": lambda path: read_frame(path, ["record"]),
    "series": lambda path: read_series_table(path, "record"),
}
ODD = {
    "semicolons": (TEXT.replace(",", ";").encode(), "are separated by semicolons; save it with commas"),
    "tabs": (TEXT.replace(",", "\t").encode(), "are separated by tabs; save it with commas"),
    "utf-16": (TEXT.encode("utf-16"), "is not .*text.*; save it"),
    "gzip": (gzip.compress(TEXT.encode(), mtime=0), "is not .*text.*; save it"),
    "binary": (b"\x00\x01" * 30, "is not a text file; save it"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ODD)
def test_every_reader_of_tables_names_what_a_file_is(kind: str, reader: str, tmp_path: Path) -> None:
    content, told = ODD[kind]
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        READERS[reader](path)


def test_a_column_that_is_there_twice_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("record,p_a,p_a,note,note\nx,0.1,0.9,,\n")
    with pytest.raises(DataError, match=r"has 2 columns called 'p_a'; rename all but one"):
        read_table(path, ["record", "p_a"])
    assert read_table(path, ["record"]) == {"record": ["x"]}  # those that nobody reads may be


def test_a_class_that_is_named_twice_is_refused() -> None:
    with pytest.raises(DataError, match="'well' is among the classes twice; name each class once"):
        Form(classes=("ill", "well", "well"))


def test_a_finite_number_is_not_called_infinite(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("date,a\n2020-01-01,1\n2020-01-02,1e300\n")
    with pytest.raises(DataError, match=r"line 3 of .* has 1e\+300, which is beyond single precision, in"):
        read_values(read_series_table(path, "date"))


def test_links_to_a_folder_above_end(tmp_path: Path) -> None:
    inside = tmp_path / "data" / "a"
    inside.mkdir(parents=True)
    (inside / "x.edf").touch()
    (inside / "up").symlink_to(tmp_path / "data")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "y.edf").touch()
    (inside / "other").symlink_to(other)
    assert find(tmp_path / "data").files == ["a/other/y.edf", "a/x.edf"]


def test_a_file_in_the_way_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    told = rf"cannot be written \({taken} is a file, not a folder\); choose another place"
    with pytest.raises(RunError, match=told):
        refuse_taken(taken / "a" / "out.csv", overwrite=True)
    with pytest.raises(RunError, match=told):
        refuse_other_folder(taken / "page")
    with pytest.raises(RunError, match=told):
        refuse_taken_folder(taken / "run")
    refuse_below_file(tmp_path / "new" / "out.csv")


def test_a_link_is_a_file_that_is_there_and_its_target_is_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    link.symlink_to(target)  # which is not there yet
    with pytest.raises(RunError, match=r"link\.csv exists; choose another name or --overwrite"):
        refuse_taken(link, overwrite=False)
    target.write_text("mine")
    write_text(link, "new")
    assert (link.read_text(), target.read_text()) == ("new", "mine")


def test_slow_rates_have_the_ratio_of_their_numbers() -> None:
    day = 1 / 86400
    assert ratio_of(day, day / 7) == Fraction(1, 7)
    assert ratio_of(day, day) == 1
    for slow in (1e-300, 1e-320):
        assert nearest_ratio(slow, 100.0) > 2000
        with pytest.raises(ConfigError, match="no ratio of small whole numbers"):
            ratio_of(slow, 100.0)
        with pytest.raises(ConfigError, match="no ratio of small whole numbers"):
            ratio_of(100.0, slow)
