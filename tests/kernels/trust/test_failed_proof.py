"""Where a shader fails, its definition takes over."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import trust
from lucid.kernels.convolution import conv1d


def broken(error):
    def fault(y):
        if y.shape[0] == 2:  # MLX finds out when it evaluates, so not with the tests' own arrays
            raise error
        return y

    return fault


COMPILER = "[metal::Device] Unable to build metal library from source\n" + "\n".join(
    ["program_source:7:3: error: unknown type name 'flaot'", "  flaot y;", "  ^"]
)
NUMBERS = r"gives wrong numbers: \d+ of \d+ differ from the definition, the first at \("
FAULTS = {
    "a wrong tap": (lambda y: mx.roll(y, 1, -1), NUMBERS),
    "one wrong value": (lambda y: y + (mx.arange(y.shape[-1]) == 5), NUMBERS),
    "NaN": (lambda y: y * float("nan"), NUMBERS),
    "infinite": (lambda y: y + float("inf"), NUMBERS),
    "nothing": (lambda y: mx.zeros_like(y), NUMBERS),
    "another dtype": (lambda y: y.astype(mx.float16), "gives float16 .* definition gives float32"),
    "another shape": (lambda y: y[..., 1:], r"gives float32 \(2, .* definition gives float32 \(2"),
    "no compiling": (broken(RuntimeError(COMPILER)), r"RuntimeError: program_.* error: unknown.*T"),
    "too many threads": (broken(ValueError("Thread group size (32) is")), "does not run: ValueErr"),
    "no memory": (broken(MemoryError("no room")), "does not run: MemoryError: no room"),
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_broken_shader_is_replaced_with_one_warning(gpu, fault, reason, example):
    x, w = example.arrays()
    gpu.fault = fault
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        y = conv1d(x, w)
    assert len(caught) == 1
    gpu.launches.clear()
    for _ in range(2):
        np.testing.assert_array_equal(y, example.exact(x, w))
        y = conv1d(x, w)
    assert not gpu.checks


def test_the_warning_says_what_to_do(gpu, example):
    gpu.fault = lambda y: y + 1
    with pytest.warns(RuntimeWarning) as caught:
        conv1d(*example.arrays())
    text = str(caught[0].message)
    device = mx.device_info()["device_name"]
    for part in (
        "twin of metal/twin.metal",
        "T=float32 K=3 S=1 D=1 BIAS=False of float32, float32, float32 (few), int32 (few)",
        f"on {device}, MLX {mx.__version__}",
        "LUCID_KERNELS=off",
        "lucid.kernels.status()",
        "python -m tests.metal_emulator.bridge",
    ):
        assert part in text


def test_only_the_variant_that_failed_is_off_and_only_the_first_is_told(gpu, ledger, example):
    x, w = example.arrays()
    gpu.fault = lambda y: y + 1
    with pytest.warns(RuntimeWarning):
        conv1d(x, w)
    np.testing.assert_array_equal(
        conv1d(x, w, stride=2), example.exact(x, w, stride=2)
    )  # no warning
    gpu.fault = lambda y: y
    conv1d(x, w[..., :2])
    assert [variant.template[1][1] for variant in ledger.passed] == [2]
    assert [variant.template[2][1] for variant in ledger.failed] == [1, 2]


def test_a_shader_that_fails_at_once_is_replaced(gpu, example):
    def fault(y):
        raise TypeError("incompatible function arguments")

    gpu.fault = fault
    x, w = example.arrays()
    with pytest.warns(RuntimeWarning, match="does not run: TypeError: incompatible") as caught:
        y = conv1d(x, w)
    np.testing.assert_array_equal(y, example.exact(x, w))
    np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    assert len(caught) == 1


def test_a_launcher_that_fails_is_replaced(gpu, twin, example):
    del twin.kernel
    x, w = example.arrays()
    with pytest.warns(RuntimeWarning, match=r"shader conftest\.twin does not run: Attri"):
        np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"FileNotFoundError: the Metal shader .*twin\.metal is missing; reinstall lucid"),
        ("// no kernel", r"ValueError: metal/twin\.metal has no kernel 'twin', only none; reinsta"),
        (b"\xff\xfe\x00", "UnicodeDecodeError"),
    ],
)
def test_a_missing_or_edited_file_is_replaced(gpu, folder, text, reason, example):
    (folder / "twin.metal").unlink()
    if text is not None:
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "twin.metal").write_bytes(data)
    x, w = example.arrays()
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        y = conv1d(x, w)
    np.testing.assert_array_equal(y, example.exact(x, w))
    np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    assert len(caught) == 1


def test_a_call_that_does_not_fit_the_memory_is_the_callers_error(gpu, example):
    def fault(y):
        raise MemoryError("shape (9, 9) takes 1e9 GB")

    gpu.fault = fault
    with pytest.raises(MemoryError, match="takes 1e9 GB"):
        conv1d(*example.arrays())


def test_whoever_trusts_all_shaders_hears_of_their_failure(gpu, example):
    def fault(y):
        raise RuntimeError("a race")

    gpu.fault = fault
    with trust.using(trust.Ledger(assume=True)), pytest.raises(RuntimeError, match="a race"):
        conv1d(*example.arrays())
