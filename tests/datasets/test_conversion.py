"""Conversion: complete or absent, opened without decoding, and mended when somebody damaged it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsrep.datasets.conversion import HEADER, Job, Pieces, convert, fingerprint
from tsrep.datasets.wfdb_header import Unreadable
from tsrep.errors import DataError


def decode(n: int) -> Pieces:
    """``n`` pieces filled with ``n``; none for 3."""
    if n == 3:
        raise Unreadable("three is not liked")
    return Pieces(np.full((n, 2, 5), n, np.int16), np.array([1.0, n]), np.zeros(2))


def job(sources=(1, 2, 3, 4), **more) -> Job[int]:
    names = [f"s{n}" for n in sources]
    return Job("test", sources, names, decode, {"sources": list(sources)}, (2, 5), **more)


def run(job, cache, **more):
    return convert(job, cache, progress=False, **more)


def refuse(n):
    pytest.fail("decoded again")


def test_pieces_of_all_sources_in_order(tmp_path):
    got = run(job(), tmp_path)
    assert got.source.tolist() == [0, 1, 1, 3, 3, 3, 3]
    assert got.piece.tolist() == [0, 0, 1, 0, 1, 2, 3]
    np.testing.assert_array_equal(got.store[:, 1, 2], [1, 2, 2, 4, 4, 4, 4])
    np.testing.assert_array_equal(got.gain[:, 1], [1, 2, 2, 4, 4, 4, 4])
    assert len(got.offset) == 1
    assert got.skipped == (("s3", "three is not liked"),)
    with (next(tmp_path.glob("test-*")) / "signals.npy").open("rb") as stream:
        np.testing.assert_array_equal(np.load(stream), got.store)
        assert stream.tell() == HEADER + got.store.nbytes


def test_more_sources_than_a_slab_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr("tsrep.datasets.conversion.SLAB", 3)
    sources = [1, 2, 1, 4, 5, 1, 2, 7]
    got = run(job(sources), tmp_path)
    np.testing.assert_array_equal(got.store[:, 0, 0], np.repeat(sources, sources))


def test_the_second_time_nothing_is_decoded(tmp_path):
    first = run(job(), tmp_path)
    again = run(replace(job(), decode=refuse), tmp_path)
    assert (again.digest, again.skipped) == (first.digest, first.skipped)
    assert run(job((1, 2)), tmp_path).digest != first.digest
    with pytest.raises(DataError, match="s3 cannot be used: three is not liked"):
        run(job(), tmp_path, strict=True)


@pytest.mark.parametrize("name", ["signals.npy", "rows.npz", "meta.json"])
def test_a_damaged_conversion_is_made_anew(tmp_path, name):
    want = run(job(), tmp_path).store.copy()
    path = next(tmp_path.glob(f"test-*/{name}"))
    path.write_bytes(path.read_bytes()[:-20])
    again = run(job(), tmp_path)
    np.testing.assert_array_equal(again.store, want)
    assert len(list(tmp_path.iterdir())) == 1


def test_two_at_a_time_end_with_one(tmp_path):
    def while_another_finishes(n):
        if n == 4:
            run(job(), tmp_path)
        return decode(n)

    got = run(replace(job(), decode=while_another_finishes), tmp_path)
    assert len(got.store) == 7
    assert len(list(tmp_path.iterdir())) == 1


def test_fingerprints(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name)
    files = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    first = fingerprint(tmp_path, files)
    assert fingerprint(tmp_path, files) == first
    (tmp_path / "c").write_text("")
    assert fingerprint(tmp_path, files) != first
    (tmp_path / "c").unlink()
    assert fingerprint(tmp_path, files) == first
    (tmp_path / "b").write_text("longer")
    assert fingerprint(tmp_path, files) != first
    assert fingerprint(tmp_path, files[:1]) != first
