"""dtypes and devices: their limits, how they combine, the defaults."""

import itertools
import pickle

import numpy as np
import pytest

import lucid

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
         "float64", "complex64"]  # fmt: skip
FLOATS = ["float16", "bfloat16", "float32", "float64", "complex64"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]


@pytest.mark.parity
@pytest.mark.parametrize("name", FLOATS)
def test_finfo(name):
    torch = pytest.importorskip("torch")
    ours, theirs = lucid.finfo(getattr(lucid, name)), torch.finfo(getattr(torch, name))
    fields = ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype")
    for field in fields:
        assert getattr(ours, field) == getattr(theirs, field), field


@pytest.mark.parity
@pytest.mark.parametrize("name", INTEGERS)
def test_iinfo(name):
    torch = pytest.importorskip("torch")
    ours, theirs = lucid.iinfo(getattr(lucid, name)), torch.iinfo(getattr(torch, name))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field), field


@pytest.mark.parity
def test_how_dtypes_combine():
    torch = pytest.importorskip("torch")
    for a, b in itertools.product(NAMES, NAMES):
        ours, theirs = (
            (getattr(lucid, a), getattr(lucid, b)),
            (getattr(torch, a), getattr(torch, b)),
        )
        assert lucid.can_cast(*ours) == torch.can_cast(*theirs), (a, b)
        if {a, b} == {"float64", "complex64"}:  # complex128, which MLX has not
            continue
        expected = str(torch.promote_types(*theirs)).split(".")[1]
        assert lucid.promote_types(*ours) == getattr(lucid, expected), (a, b)


@pytest.mark.parity
def test_result_type():
    torch = pytest.importorskip("torch")
    for make in (
        lambda t: (t.ones(2, dtype=t.float16), t.ones((), dtype=t.float32)),
        lambda t: (t.arange(2), 1.5),
        lambda t: (t.ones((), dtype=t.int32), t.ones(2, dtype=t.uint8)),
        lambda t: (t.ones(2, dtype=t.bool), True),
    ):
        expected = str(torch.result_type(*make(torch))).split(".")[1]
        assert lucid.result_type(*make(lucid)) == getattr(lucid, expected)


def test_limits_of_the_other_kind():
    with pytest.raises(
        TypeError, match=r"finfo expects a floating point dtype, .* use lucid.iinfo"
    ):
        lucid.finfo(lucid.int32)
    with pytest.raises(TypeError, match=r"iinfo expects an integer dtype, .* use lucid.finfo"):
        lucid.iinfo(lucid.float32)


@pytest.fixture
def default_dtype():
    yield lucid.set_default_dtype
    lucid.set_default_dtype(lucid.float32)


def test_the_default_dtype(default_dtype):
    assert lucid.finfo().eps == 2**-23
    default_dtype(lucid.float64)
    made = [
        *(lucid.tensor([1.0]), lucid.zeros(1), lucid.ones(1), lucid.full((1,), 0.5), lucid.rand(1)),
        *(lucid.randn(1), lucid.arange(0.5), lucid.linspace(0, 1, 2), lucid.eye(1), lucid.empty(1)),
        *(lucid.scalar_tensor(1), lucid.tensor(np.ones(1)), lucid.logspace(0, 1, 2)),
    ]
    assert {x.dtype for x in made} == {lucid.get_default_dtype()} == {lucid.float64}
    assert lucid.tensor(np.ones(1, np.float32)).dtype == lucid.float32
    assert lucid.zeros(1, dtype=lucid.float16).dtype == lucid.float16
    default_dtype(lucid.bfloat16)
    assert lucid.tensor(1.0).dtype == lucid.bfloat16
    assert lucid.tensor(np.ones(1)).dtype == lucid.float32
    with pytest.raises(TypeError, match="must be a floating point dtype"):
        default_dtype(lucid.int32)


def test_questions():
    x = lucid.ones(2, 3)
    assert lucid.is_tensor(x)
    assert not lucid.is_tensor(x.numpy())
    assert lucid.is_floating_point(x)
    assert not lucid.is_complex(x)
    assert lucid.is_complex(x.cfloat())
    assert x.is_signed()
    assert not x.byte().is_signed()
    assert lucid.numel(x) == x.nelement() == 6
    assert x.stride() == (3, 1)
    assert x.stride(0) == 3
    assert x.storage_offset() == 0
    assert isinstance(x.shape, lucid.Size)
    assert isinstance(x.dtype, lucid.dtype)
    assert x.is_cpu
    assert not x.is_cuda
    assert not x.is_mps
    assert x.is_contiguous()
    assert lucid.is_nonzero(lucid.tensor([2]))
    assert x.is_same_size(x + 1)


def test_devices():
    x = lucid.ones(1)
    assert x.device == "cpu" == lucid.device("cpu") == lucid.device("cpu", 0)
    assert x.device.type == "cpu"
    assert x.device.index is None
    assert isinstance(x.device, lucid.device)
    assert f"{x.device}" == "cpu"
    assert lucid.device("metal") == lucid.device("mps") == lucid.device("mps:0") == "gpu"
    assert lucid.device(x.device) == x.device == pickle.loads(pickle.dumps(x.device))
    assert x.to(lucid.device("cpu")) is x
    assert lucid.zeros(1, device=lucid.device("cpu")).device == "cpu"
    with lucid.device("cpu") as place, lucid.device("cpu"):
        assert lucid.default_device() == place == "cpu"
    assert lucid.default_device() == "cpu"


@pytest.mark.parametrize(
    "call", [lambda: lucid.device("cuda"), lambda: lucid.device("cuda:1"),
             lambda: lucid.ones(1).to("cuda"), lambda: lucid.ones(1, device="cuda"),
             lambda: lucid.ones(1).cuda()],
)  # fmt: skip
def test_cuda(call):
    with pytest.raises(ValueError, match=r'lucid runs on "cpu" and on "gpu".* write device="gpu"'):
        call()


@pytest.mark.parametrize("name", ["tpu", "cpu:1", "cpu:x", ""])
def test_unknown_devices(name):
    with pytest.raises(ValueError, match='device must be "cpu", "gpu" or "metal"'):
        lucid.device(name)
