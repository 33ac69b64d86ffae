"""The names of `import lucid`."""

import math
import subprocess
import sys

import pytest

import lucid


def test_heavy_packages_load_on_first_use():
    code = (
        "import sys, lucid;"
        "late = {'lucid.audio', 'lucid.kernels.metal', 'lucid.nn', 'lucid.recipes'};"
        "assert not late & set(sys.modules);"
        "lucid.audio.log_mel; lucid.data.DataLoader; lucid.models.ConvTasNet; lucid.recipes;"
        "lucid.nn.Linear; lucid.optim.SGD; lucid.save;"
        "assert 'audio' in dir(lucid)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'lucid' has no attribute 'nope'"):
        _ = lucid.nope


def test_functions_that_torch_has_twice():
    for name in lucid._FUNCTIONAL:
        assert getattr(lucid, name) is getattr(lucid.nn.functional, name)
    assert "conv1d" in dir(lucid)


def test_constants():
    assert (lucid.e, lucid.inf, lucid.pi) == (math.e, math.inf, math.pi)
    assert math.isnan(lucid.nan)
    assert lucid.ones(2)[lucid.newaxis].shape == (1, 2)
