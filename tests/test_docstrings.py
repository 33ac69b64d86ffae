"""Every public function shows an example; that it runs, the doctests see to."""

import inspect

import pytest

import lucid
import lucid.signal.windows

PLACES = {
    "lucid": lucid,
    "linalg": lucid.linalg,
    "fft": lucid.fft,
    "special": lucid.special,
    "windows": lucid.signal.windows,
    "Tensor": lucid.Tensor,
}
NONE = {"cuda", "dtype_of"}  # always an error; a name that windows.py imports


def _functions(place):
    for name in dir(place):
        value = getattr(place, name)
        if name.startswith("_") or name in NONE or not inspect.isroutine(value):
            continue
        if not inspect.unwrap(getattr(value, "__func__", value)).__module__.startswith("lucid."):
            continue
        yield name, inspect.getdoc(value) or ""


@pytest.mark.parametrize("place", PLACES)
def test_an_example(place):
    """In-place variants, `exp_` and the like, name their function instead."""
    documented = dict(_functions(PLACES[place]))
    assert len(documented) > 10
    lacking = [n for n, doc in documented.items() if ">>>" not in doc and "` in place" not in doc]
    assert lacking == []
