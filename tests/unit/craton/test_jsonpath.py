"""The filter ``vars``: what it reads, and what it finds."""

import pytest

from craton_maintenance.craton.jsonpath import EVERYWHERE, Condition, contains, parse


@pytest.mark.parametrize(
    ("text", "key", "steps", "value"),
    [
        ("k:1", "k", (), 1),
        ('k:"v"', "k", (), "v"),
        ("a.b[*].c:true", "a", ("b", EVERYWHERE, "c"), True),
        ("a[0]:null", "a", (0,), None),
        ('"a.b".c:1.5', "a.b", ("c",), 1.5),
        ('a."b]":1', "a", ("b]",), 1),
        ("a b-c_d:1", "a b-c_d", (), 1),
        ('a:{"x":[1,2]}', "a", (), {"x": [1, 2]}),
    ],
)
def test_a_condition_is_read(text, key, steps, value):
    assert parse(text) == (Condition(key, steps, value),)


def test_several_are_read():
    assert [condition.key for condition in parse('a:1,b:[1,2],c:"x,y:z"')] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "a", "a:", "a:b", "a:1,", ",a:1", "a..b:1", "a[b]:1", "a[-1]:1", "a:1 b:2"),
        *("a:NaN", "a:Infinity", '"a:1', "a:" + "[" * 100_000),
        *(",".join(["a:1"] * 11), "a" + ".b" * 21 + ":1"),
    ],
)
def test_what_cannot_be_read_says_so(text):
    with pytest.raises(ValueError, match="has "):
        parse(text)


@pytest.mark.parametrize(
    ("text", "document", "holds"),
    [
        ("k:1", 1, True),
        ("k:1", 1.0, True),
        ("k:1", True, False),
        ("k:1", [1, 2], True),
        ("k:[2,1]", [1, 2, 3], True),
        ("k:[1,4]", [1, 2, 3], False),
        ("k:[1]", 1, False),
        ('k:{"a":1}', {"a": 1, "b": 2}, True),
        ('k:{"a":1}', [{"a": 1, "b": 2}], True),
        ("k:null", None, True),
        ("k:null", 0, False),
        ("k.a:1", {"a": 1}, True),
        ("k.a:1", [{"a": 1}], False),
        ("k[1]:2", [1, 2], True),
        ("k[2]:2", [1, 2], False),
        ("k[*].a:2", [{"a": 1}, {"a": 2}], True),
        ("k[*].a:3", [{"a": 1}, {"a": 2}, 7], False),
        ("k[*]:1", {"a": 1}, False),
    ],
)
def test_a_value_is_found_as_json_contains_does(text, document, holds):
    (condition,) = parse(text)
    assert condition.holds(document) is holds


def test_contains_compares_strings_whole():
    assert not contains("abc", "b")
