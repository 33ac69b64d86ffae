"""Doctests know `lucid`, as a person has who tries their examples."""

import pytest

import lucid


@pytest.fixture(autouse=True, scope="session")
def in_doctests(doctest_namespace):
    doctest_namespace["lucid"] = lucid
