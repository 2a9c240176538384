"""Conversion: complete or absent, opened without decoding, and mended when somebody damaged it."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest

from tsrep.datasets import converted
from tsrep.datasets.conversion import HEADER, Job, Pieces, convert, fingerprint
from tsrep.datasets.dataset import Unreadable
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


def test_a_flipped_bit_in_a_conversion_is_told_and_made_anew(tmp_path, capsys):
    want = run(job(), tmp_path).store.copy()
    path = next(tmp_path.glob("test-*/signals.npy"))
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)
    np.testing.assert_array_equal(run(job(), tmp_path).store, want)
    assert f"{path.parent} is not as it was written and is made again" in capsys.readouterr().err


def test_two_at_a_time_end_with_one(tmp_path):
    def while_another_finishes(n):
        if n == 4:
            run(job(), tmp_path)
        return decode(n)

    got = run(replace(job(), decode=while_another_finishes), tmp_path)
    assert len(got.store) == 7
    assert len(list(tmp_path.iterdir())) == 1


def test_a_conversion_that_came_a_moment_ago_is_not_removed(tmp_path, monkeypatch):
    opens = converted._open
    inodes = []

    def too_early(folder):
        monkeypatch.setattr(converted, "_open", opens)
        with pytest.raises(FileNotFoundError) as missing:
            opens(folder)
        run(job(), tmp_path)
        inodes.append(next(tmp_path.glob("test-*")).stat().st_ino)
        raise missing.value

    monkeypatch.setattr(converted, "_open", too_early)
    got = run(job(), tmp_path)
    assert [path.stat().st_ino for path in tmp_path.iterdir()] == inodes
    assert got.store.filename.parent.stat().st_ino == inodes[0]


def test_a_conversion_that_another_takes_away_stays_open(tmp_path, monkeypatch):
    opens = converted._open

    def taken_away(folder):
        if not folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)
        return opens(folder)

    monkeypatch.setattr(converted, "_open", taken_away)
    assert run(job(), tmp_path).store[:, 1, 2].tolist() == [1, 2, 2, 4, 4, 4, 4]


@pytest.mark.parametrize("damaged", [False, True])
def test_many_at_a_time_all_get_the_conversion(tmp_path, damaged):
    if damaged:
        run(job(), tmp_path)
        next(tmp_path.glob("test-*/signals.npy")).write_bytes(b"")
    together = Barrier(4)

    def after_all_have_looked(n):
        if n == 1:
            together.wait(timeout=30)
        return decode(n)

    with ThreadPoolExecutor(4) as pool:
        every = list(
            pool.map(
                lambda _: run(replace(job(), decode=after_all_have_looked), tmp_path).store.sum(), range(4)
            )
        )
    assert set(every) == {10 * (1 + 4 + 16)}
    assert len(list(tmp_path.iterdir())) == 1


def test_pieces_that_are_left_out_keep_their_numbers(tmp_path):
    def first_is_bad(n):
        return replace(decode(n), store=decode(n).store[1:], left_out={0: "noise"}) if n == 4 else decode(n)

    got = run(replace(job(), decode=first_is_bad), tmp_path)
    assert got.source.tolist() == [0, 1, 1, 3, 3, 3]
    assert got.piece.tolist() == [0, 0, 1, 1, 2, 3]
    assert got.skipped == (("s3", "three is not liked"), ("s4, segment 0", "noise"))
    with pytest.raises(DataError, match="s4, segment 0 cannot be used: noise"):
        run(replace(job((1, 4)), decode=first_is_bad), tmp_path, strict=True)


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
