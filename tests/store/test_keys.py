"""Byte order is the order we list by, and every key can be read back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.rows import new_execution

from axiomd.execution.execution import index_keys
from axiomd.store import keys

IDENTITY = st.binary(min_size=16, max_size=16).map(bytes.hex)
U32 = st.integers(0, 2**32 - 1)
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
NS = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(IDENTITY, U32), min_size=2, max_size=8))
def test_entries_sort_by_execution_and_seq(pairs):
    made = [keys.journal_key(keys.execution_key(e), seq) for e, seq in pairs]
    again = [(key[:16].hex(), keys.journal_seq(key)) for key in made]
    assert again == pairs
    assert sorted(zip(made, pairs, strict=True)) == sorted(
        zip(made, pairs, strict=True), key=lambda row: row[1]
    )


@given(st.lists(st.tuples(IDENTITY, st.integers(0, 0xFFFF), U32), min_size=2, max_size=8))
def test_frames_sort_by_execution_placement_and_index(rows):
    made = [keys.frame_key(keys.execution_key(e), p, i) for e, p, i in rows]
    assert [keys.frame_index(key) for key in made] == [index for *_, index in rows]
    order = sorted(range(len(rows)), key=lambda n: made[n])
    assert [rows[n] for n in order] == sorted(rows)


@given(st.lists(st.tuples(NS, IDENTITY), min_size=2, max_size=8))
def test_time_led_rows_sort_by_time(rows):
    made = [keys.index_key("by_flow", ("tenant", "flow", *row)) for row in rows]
    assert [keys.time_led_tail(key) for key in made] == rows
    assert [keys.time_led_tail(key) for key in sorted(made)] == sorted(rows)


@given(NAME, NAME, NAME, NAME)
def test_texts_never_run_into_each_other(a, b, c, d):
    if (a, b) != (c, d):
        one, other = keys.text_key(a, b), keys.text_key(c, d)
        assert not one.startswith(other)
        assert not other.startswith(one)


def test_every_index_has_a_table_and_a_key():
    for name, parts in index_keys(new_execution(1)):
        assert keys.INDEX_TABLES[name] in keys.TABLES
        assert len(keys.index_key(name, parts)) <= keys.KEY_BYTES_MAX
    assert keys.index_key("claimed", ("ab" * 16,)) == b"\xab" * 16


def test_the_longest_legal_names_fit_into_a_key():
    name = "n" * 201
    execution = new_execution(1, tenant="t" * 100, flow=name)
    for index, parts in index_keys(execution):
        assert len(keys.index_key(index, parts)) <= keys.KEY_BYTES_MAX
    assert len(keys.package_key("t" * 100, name, "v" * 100)) <= keys.KEY_BYTES_MAX


def test_the_picture_shows_every_table():
    picture = re.findall(r"^    ([a-z]{2})  ", keys.__doc__, re.MULTILINE)
    assert set(keys.TABLES) <= set(picture)
    assert set(picture) - set(keys.TABLES) == set(), "a retired or reserved table is listed"
    assert len(set(keys.TABLES)) == len(keys.TABLES)


@pytest.mark.parametrize("text", ["", "zz", "ab" * 15, "ab" * 17])
def test_an_identity_of_another_form_makes_no_execution_key(text):
    if len(text) == 2:
        with pytest.raises(ValueError):
            keys.execution_key(text)
    else:
        assert len(keys.execution_key(text)) != keys.EXECUTION_BYTES
