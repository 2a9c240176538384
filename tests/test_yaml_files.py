"""Text stays text, and nothing that YAML allows makes a reader slow, large or wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tsrep.errors import ConfigError
from tsrep.yaml_files import read_yaml, write_yaml

SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("on", "on"), ("yes", "yes"), ("01", "01"), ("1_000", "1_000"), ("12:30", "12:30"),
        ("2025-01-01", "2025-01-01"), ("0x10", "0x10"), ("1e-4", 1e-4), ("1.5e3", 1500.0), (".5", 0.5),
        ("-3", -3), ("+3", 3), ("true", True), ("False", False), ("~", None), ("null", None), ("", None),
        (".inf", float("inf")), ("'1'", "1"), ("[1, NO]", [1, "NO"]), ("a: {b: 01}", {"a": {"b": "01"}}),
        ("=1+1", "=1+1"), ("<<: {a: 1}", {"<<": {"a": 1}}),
    ],
)  # fmt: skip
def test_plain_values(text, value):
    found = read_yaml(text, "it")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: {c: 1,\n  c: 2}", "it, line 3, has 'c' a second time; keep one of them"),
        ("a: &x\n  b: *x", "it, line 1, refers to itself; write its values out"),
        ("[" * 20_000, "it, line 1, is nested deeper than 50 levels; flatten it"),
        ("a:\n  b: " + "9" * 5000, "it, line 2, has a number of 5000 characters; 40 are the most"),
        ("a: !!python/object/apply:os.system [x]", "it, line 1, has the tag .*os.system, which settings do"),
        ("a: !!int x", "it, line 1, has 'x', which is not of the type int; leave the tag out"),
        ("? [1]\n: 2", "it, line 1, has a list as a name; write a text"),
        ("a: [\nb", "it, line 2, is not valid YAML; fix it"),
        ("a: \x01", "it is not valid YAML; fix it"),
        ('a: "\\ud800"', "it, line 1, has half of a surrogate pair"),
        ("a: 1\n---\nb: 1", "it, line 2, is not valid YAML"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        read_yaml(text, "it")


@pytest.mark.parametrize("inside", ["", "1"])
def test_fifty_levels_are_read(inside):
    assert repr(read_yaml("[" * 50 + inside + "]" * 50, "it")) == "[" * 50 + inside + "]" * 50
    with pytest.raises(ConfigError, match="deeper than 50 levels"):
        read_yaml("[" * 51 + inside + "]" * 51, "it")


def test_what_grows_when_it_is_read_is_refused():
    levels = [f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 10)}]" for i in range(7)]
    with pytest.raises(ConfigError, match="it has more than 100,000 values; shorten it"):
        read_yaml("\n".join(["l0: &l0 [x]", *levels]), "it")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(VALUES)
@example({"\x85": "a\u2028b"})
def test_what_is_written_is_read_as_the_same(value):
    assert read_yaml(write_yaml(value), "it") == value


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(alphabet="ab01 \t\n:-{}[]&*!|>'\"#%@`,?<=~.eE+", max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(ConfigError):
        read_yaml(text, "it")
