"""A shader proves itself before its results are used; where it fails, its definition does."""

import json
import threading
import warnings

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.kernels import conv1d as definitions
from lucid.kernels import convolution, forms, metal, shaders, trust
from lucid.kernels.convolution import conv1d
from lucid.kernels.forms import CONV1D, Shape

FILE = "// A header.\n// kernel twin(x, w, bias, sizes) -> y\ny[0] = x[0];\n"


def twin(x, w, length, *, bias=None, stride, left, dilation, groups):
    """The launcher of a kernel that computes a convolution."""
    N, C_out, K = x.shape[0], w.shape[0], w.shape[-1]
    template = {"T": x.dtype, "K": K, "S": stride, "D": dilation, "BIAS": bias is not None}
    (y,) = KERNELS["twin"](
        [x, w, mx.zeros(1, x.dtype) if bias is None else bias, mx.array([length, left, groups])],
        template=template,
        grid=(-(-length // 32) * 32, C_out, N),
        threadgroup=(32 if length < 300 else 64, 1, 1),
        outputs=[((N, C_out, length), x.dtype)],
    )
    return y


KERNELS = {}


class Gpu:
    """In the place of `metal._launch`. Keeps a record, and may go wrong."""

    def __init__(self):
        self.launches = []  # template and shape of x
        self.fault = lambda y: y

    def __call__(self, kernel, inputs, template, grid, threadgroup, outputs):
        assert kernel.source.inputs == ("x", "w", "bias", "sizes")
        x, w, bias, sizes = inputs
        self.launches.append((template, x.shape))
        length, left, groups = sizes.tolist()
        place = {"stride": template["S"], "dilation": template["D"], "left": left}
        a, b = x.astype(mx.float32), w.astype(mx.float32)
        y = definitions.unfolded(a, b, length, groups=groups, **place)
        y = y + bias[:, None].astype(mx.float32) if template["BIAS"] else y
        return [self.fault(y.astype(x.dtype))]

    @property
    def checks(self):
        """The launches on examples: of two samples, where the tests have three."""
        return [template for template, shape in self.launches if shape[0] == 2]


@pytest.fixture
def ledger(tmp_path):
    with trust.using(trust.Ledger(tmp_path / "cache" / "shaders.json")) as ledger:
        yield ledger


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "metal"
    folder.mkdir()
    (folder / "twin.metal").write_text(FILE)
    monkeypatch.setattr(shaders, "folder", lambda: folder)
    monkeypatch.setitem(KERNELS, "twin", metal.Kernel("twin", "twin"))
    return folder


@pytest.fixture
def gpu(ledger, folder, monkeypatch):
    """A GPU whose only shader is `twin`."""
    gpu = Gpu()
    monkeypatch.setattr(metal, "available", lambda: True)
    monkeypatch.setattr(metal, "_launch", gpu)
    table = CONV1D._replace(shaders=((forms.always, twin),))
    monkeypatch.setattr(convolution, "CONV1D", table)
    return gpu


def arrays(C=4, L=50, K=3, groups=1, N=3, dtype=mx.float32):
    x = mx.random.randint(-3, 4, (N, C, L), key=mx.random.key(0)).astype(dtype)
    w = mx.random.randint(-3, 4, (C, C // groups, K), key=mx.random.key(1)).astype(dtype)
    return x, w


def exact(x, w, **settings):
    """By the definition, in float32, as float64 numbers."""
    w = mx.array(w, mx.float32)
    settings = {"stride": 1, "left": 0, "dilation": 1, "groups": 1} | settings
    reach = (w.shape[-1] - 1) * settings["dilation"] + 1
    length = (x.shape[-1] + 2 * settings["left"] - reach) // settings["stride"] + 1
    return np.array(definitions.unfolded(x.astype(mx.float32), w, length, **settings), np.float64)


# When all is well -------------------------------------------------------------------------------


def test_a_shader_is_checked_once_for_each_variant_and_then_used(gpu):
    x, w = arrays()
    for _ in range(3):
        np.testing.assert_array_equal(conv1d(x, w), exact(x, w))
    assert len(gpu.launches) == 3 + 1
    np.testing.assert_array_equal(conv1d(x, w[..., :2]), exact(x, w[..., :2]))
    conv1d(x[..., :40], w)  # another length and batch are no other variant
    conv1d(x[:1], w)
    conv1d(x, w, stride=2)
    conv1d(x, w, mx.zeros(4))
    conv1d(x.astype(mx.float16), w.astype(mx.float16))
    expected = [(3, 1, False), (2, 1, False), (3, 2, False), (3, 1, True), (3, 1, False)]
    assert [(t["K"], t["S"], t["BIAS"]) for t in gpu.checks] == expected


@pytest.mark.parametrize("dtype", metal.DTYPES, ids=str)
@pytest.mark.parametrize(
    ("C", "L", "K", "groups", "settings"),
    [
        (4, 50, 3, 1, {}),
        (200, 3000, 5, 200, {"stride": 2, "padding": (900, 900)}),
        (136, 700, 3, 1, {"dilation": 40, "padding": (-9, 5)}),
        (1, 4, 3, 1, {"padding": (2, 2)}),
        (2, 1, 1, 1, {}),
    ],
)
def test_a_right_shader_passes(gpu, ledger, dtype, C, L, K, groups, settings):
    conv1d(*arrays(C, L, K, groups, dtype=dtype), groups=groups, **settings)
    assert len(gpu.checks) == 1
    assert ledger.passed
    assert not ledger.failed


def test_the_example_is_small(gpu):
    conv1d(*arrays(C=300, L=5000, K=3, groups=300), groups=300)
    conv1d(*arrays(C=300, L=5000, K=2))
    (_, few), (_, narrow) = (launch for launch in gpu.launches if launch[1][0] == 2)
    assert few[1] == 8
    assert narrow[1] == 64 + 300 % 16
    assert max(few[2], narrow[2]) < 400


def test_a_larger_threadgroup_than_the_one_that_passed_is_checked_too(gpu, ledger):
    x, w = arrays(L=2000)
    conv1d(x, w)
    assert set(ledger.passed.values()) == {64}
    conv1d(x[..., :50], w)  # smaller: nothing new
    assert len(gpu.checks) == 1
    with trust.using(trust.Ledger(ledger.path.with_name("other.json"))) as other:
        conv1d(x[..., :50], w)
        assert set(other.passed.values()) == {32}
        conv1d(x, w)
        assert set(other.passed.values()) == {64}


TRACES = {
    "grad": lambda f, x: mx.grad(lambda x: f(x).sum())(x),
    "second": lambda f, x: mx.grad(lambda x: mx.grad(lambda x: (f(x) ** 2).sum())(x).sum())(x),
    "compile": lambda f, x: mx.compile(f)(x),
    "compiled grad": lambda f, x: mx.compile(mx.grad(lambda x: f(x).sum()))(x),
    "checkpoint": lambda f, x: mx.grad(lambda x: mx.checkpoint(f)(x).sum())(x),
    "no_grad": lambda f, x: lucid.no_grad()(f)(x),
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_it_works_while_mlx_traces(gpu, ledger, trace, wrong):
    x, w = arrays()
    with trust.using(trust.Ledger(assume=True)):
        expected = trace(lambda x: conv1d(x, w), x)
    gpu.launches.clear()
    gpu.fault = lambda y: y + wrong
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = trace(lambda x: conv1d(x, w), x)
    assert len(caught) == (wrong > 0)
    assert len(gpu.checks) == 1
    np.testing.assert_array_equal(got, expected)


def test_it_leaves_the_random_numbers_alone(gpu):
    mx.random.seed(0)
    expected = mx.random.uniform(shape=(3,)).tolist()
    mx.random.seed(0)
    conv1d(*arrays())
    assert len(gpu.checks) == 1
    assert mx.random.uniform(shape=(3,)).tolist() == expected


def test_threads_that_come_together_check_once(gpu):
    x, w = arrays()
    mx.eval(x, w)
    barrier, results = threading.Barrier(4), []

    def work():
        barrier.wait()
        results.append(np.array(conv1d(x, w)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gpu.checks) == 1
    for y in results:
        np.testing.assert_array_equal(y, exact(x, w))


# Where it fails ---------------------------------------------------------------------------------


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
def test_a_broken_shader_is_replaced_with_one_warning(gpu, fault, reason):
    x, w = arrays()
    gpu.fault = fault
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        y = conv1d(x, w)
    assert len(caught) == 1
    gpu.launches.clear()
    for _ in range(2):
        np.testing.assert_array_equal(y, exact(x, w))
        y = conv1d(x, w)
    assert not gpu.checks


def test_the_warning_says_what_to_do(gpu):
    gpu.fault = lambda y: y + 1
    with pytest.warns(RuntimeWarning) as caught:
        conv1d(*arrays())
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


def test_only_the_variant_that_failed_is_off_and_only_the_first_is_told(gpu, ledger):
    x, w = arrays()
    gpu.fault = lambda y: y + 1
    with pytest.warns(RuntimeWarning):
        conv1d(x, w)
    np.testing.assert_array_equal(conv1d(x, w, stride=2), exact(x, w, stride=2))  # no warning
    gpu.fault = lambda y: y
    conv1d(x, w[..., :2])
    assert [variant.template[1][1] for variant in ledger.passed] == [2]
    assert [variant.template[2][1] for variant in ledger.failed] == [1, 2]


def test_a_shader_that_fails_at_once_is_replaced(gpu):
    def fault(y):
        raise TypeError("incompatible function arguments")

    gpu.fault = fault
    x, w = arrays()
    with pytest.warns(RuntimeWarning, match="was not launched: TypeError: incompatible") as caught:
        y = conv1d(x, w)
    np.testing.assert_array_equal(y, exact(x, w))
    np.testing.assert_array_equal(conv1d(x, w), exact(x, w))
    assert len(caught) == 1


def test_a_launcher_that_fails_is_replaced(gpu, folder):
    KERNELS.clear()
    x, w = arrays()
    with pytest.warns(RuntimeWarning, match=r"shader test_trust\.twin was not launched: KeyError"):
        np.testing.assert_array_equal(conv1d(x, w), exact(x, w))
    np.testing.assert_array_equal(conv1d(x, w), exact(x, w))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"FileNotFoundError: the Metal shader .*twin\.metal is missing; reinstall lucid"),
        ("// no kernel", r"ValueError: metal/twin\.metal has no kernel 'twin', only none; reinsta"),
        (b"\xff\xfe\x00", "UnicodeDecodeError"),
    ],
)
def test_a_missing_or_edited_file_is_replaced(gpu, folder, text, reason):
    (folder / "twin.metal").unlink()
    if text is not None:
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "twin.metal").write_bytes(data)
    x, w = arrays()
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        y = conv1d(x, w)
    np.testing.assert_array_equal(y, exact(x, w))
    np.testing.assert_array_equal(conv1d(x, w), exact(x, w))
    assert len(caught) == 1


def test_a_call_that_does_not_fit_the_memory_is_the_callers_error(gpu):
    def fault(y):
        raise MemoryError("shape (9, 9) takes 1e9 GB")

    gpu.fault = fault
    with pytest.raises(MemoryError, match="takes 1e9 GB"):
        conv1d(*arrays())


def test_whoever_trusts_all_shaders_hears_of_their_failure(gpu):
    def fault(y):
        raise RuntimeError("a race")

    gpu.fault = fault
    with trust.using(trust.Ledger(assume=True)), pytest.raises(RuntimeError, match="a race"):
        conv1d(*arrays())


# Rules ------------------------------------------------------------------------------------------


def test_what_passes_32_bits_goes_to_the_definition_without_a_word(gpu, ledger, monkeypatch):
    monkeypatch.setattr(metal, "LARGEST_AXIS", 60)
    x, w = arrays()
    conv1d(x, w)
    assert gpu.launches
    gpu.launches.clear()
    x, w = arrays(L=62)
    np.testing.assert_array_equal(conv1d(x, w, padding=(-1, -1)), exact(x, w)[..., 1:-1])
    monkeypatch.setattr(metal, "LARGEST_GRID", 63)
    x, w = arrays(L=50)
    conv1d(x, w)
    assert not gpu.launches
    assert not ledger.failed


def test_rows_past_32_bits_have_no_shader():
    table = CONV1D._replace(shaders=((forms.always, twin),))
    long = Shape(Cg=1, Og=1, K=3, length=2**29, stride=2, dilation=1, groups=1)
    assert not long.fits_32_bits
    assert long._replace(stride=1).fits_32_bits
    assert not long._replace(length=9, stride=1, dilation=2**30).fits_32_bits
    assert forms.choose(table, long, mx.float32) is not twin


@pytest.mark.parametrize("dtype", [mx.float64, mx.int32], ids=str)
def test_other_dtypes_have_no_shader(gpu, dtype):
    with mx.stream(mx.cpu):
        x, w = arrays(dtype=dtype)
        if dtype == mx.float64:
            np.testing.assert_array_equal(conv1d(x, w), exact(x, w))
    table = CONV1D._replace(shaders=((forms.always, twin),))
    shape = Shape(Cg=4, Og=4, K=3, length=48, stride=1, dilation=1, groups=1)
    assert forms.choose(table, shape, dtype) is not twin
    assert forms.choose(table, shape, mx.float32) is twin
    assert not gpu.launches


# On disk ----------------------------------------------------------------------------------------


@pytest.fixture
def next_process(ledger):
    return lambda: trust.using(trust.Ledger(ledger.path))


def test_what_passed_is_remembered(gpu, next_process):
    x, w = arrays()
    conv1d(x, w)
    conv1d(x, w, stride=2)
    gpu.launches.clear()
    with next_process():
        conv1d(x, w)
        conv1d(x, w, stride=2)
        assert not gpu.checks
        conv1d(x, w, stride=3)
        assert len(gpu.checks) == 1


def test_what_failed_is_not(gpu, next_process):
    gpu.fault = lambda y: y + 1
    with pytest.warns(RuntimeWarning):
        conv1d(*arrays())
    gpu.fault = lambda y: y
    with next_process() as ledger:
        conv1d(*arrays())
        assert ledger.passed


def test_another_text_of_the_kernel_is_checked_again(gpu, folder, next_process, monkeypatch):
    conv1d(*arrays())
    (folder / "twin.metal").write_text(FILE + "// edited\n")
    monkeypatch.setitem(KERNELS, "twin", metal.Kernel("twin", "twin"))
    gpu.launches.clear()
    with next_process():
        conv1d(*arrays())
    assert len(gpu.checks) == 1


def test_another_device_is_checked_again(gpu, next_process, monkeypatch):
    conv1d(*arrays())
    place = trust._place()
    assert set(place) == {"device", "system", "mlx", "code"}
    for part in place:
        monkeypatch.setattr(trust, "_place", lambda part=part: {**place, part: "another"})
        gpu.launches.clear()
        with next_process():
            conv1d(*arrays())
        assert len(gpu.checks) == 1


def test_two_processes_add_up(gpu, ledger, next_process):
    x, w = arrays()
    conv1d(x, w)
    with next_process():
        conv1d(x, w, stride=2)
    conv1d(x, w, stride=3)
    assert len(json.loads(ledger.path.read_text())["passed"]) == 3
    assert [path.name for path in ledger.path.parent.iterdir()] == [ledger.path.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[]",
        b"null",
        b'{"passed": {}}',
        b"[" * 100_000,
        b'{"made on": 1, "passed": 2}',
        '{{"made on": {place}, "passed": [1]}}',
        '{{"made on": {place}, "passed": {{"a": "b"}}}}',
        '{{"made on": {place}, "passed": {{"a": NaN}}}}',
        '{{"made on": {place}, "passed": {{"a": Infinity}}}}',
        '{{"made on": {place}, "passed": {{"a": null}}}}',
    ],
    ids=range(13),
)
def test_a_corrupt_file_is_ignored_and_replaced(gpu, ledger, content):
    if isinstance(content, str):
        content = content.format(place=json.dumps(trust._place())).encode()
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(content)
    conv1d(*arrays())
    assert len(gpu.checks) == 1
    assert len(json.loads(ledger.path.read_text())["passed"]) == 1


def test_a_file_that_cannot_be_written_is_no_error(gpu, tmp_path):
    (tmp_path / "file").write_text("")
    x, w = arrays()
    with trust.using(trust.Ledger(tmp_path / "file" / "shaders.json")):
        np.testing.assert_array_equal(conv1d(x, w), exact(x, w))
    with trust.using(trust.Ledger(tmp_path)):  # a folder
        np.testing.assert_array_equal(conv1d(x, w), exact(x, w))


def test_no_home_is_no_error(gpu, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(trust._cache, "folder", no_home)
    with trust.using(trust.Ledger()) as ledger:
        conv1d(*arrays())
        assert ledger.passed


def test_the_file_lies_in_the_cache_of_the_user(gpu, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    with trust.using(trust.Ledger()):
        conv1d(*arrays())
    (file,) = (tmp_path / "mine" / "lucid").iterdir()
    content = json.loads(file.read_text())
    assert content["made on"]["device"] == trust.device()
    ((key, threads),) = content["passed"].items()
    assert key.startswith("test_trust.twin twin.twin ")
    assert threads == 32
