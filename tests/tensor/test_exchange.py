"""To other libraries and back: DLPack, NumPy, pickle, copies."""

import copy
import io
import pickle

import mlx.core as mx
import numpy as np
import pytest

import lucid

DTYPES = ["bool_", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64",
          "float16", "bfloat16", "float32", "float64", "complex64"]  # fmt: skip
ODD = [0.1, -2.0, 3.5, 1e-3]


def tensor_of(name):
    return lucid.tensor(ODD if "float" in name else [0, 1, 1, 0], dtype=getattr(mx, name))


def assert_same(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.device == b.device
    assert a.requires_grad == b.requires_grad
    assert bool((a == b).all())


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickle_keeps_every_bit(name, protocol):
    x = tensor_of(name).reshape(2, 2)
    if x.is_floating_point():
        x.requires_grad_()
    assert_same(pickle.loads(pickle.dumps(x, protocol)), x)


def test_bfloat16_not_a_number_keeps_its_bits():
    x = lucid.tensor([0x7FC1, 0xFF80, 0x0001], dtype=lucid.uint16).view(lucid.bfloat16)
    again = pickle.loads(pickle.dumps(x))
    assert again.view(lucid.uint16).tolist() == [0x7FC1, 0xFF80, 0x0001]


def test_pickle_of_modules_and_parameters():
    model = lucid.nn.Sequential(lucid.nn.Conv1d(2, 3, 5), lucid.nn.BatchNorm1d(3))
    file = io.BytesIO()
    pickle.dump({"model": model.state_dict(), "step": 3}, file, protocol=5)
    file.seek(0)
    loaded = pickle.load(file)
    for key, value in model.state_dict().items():
        assert bool((loaded["model"][key] == value).all())
    half = lucid.nn.Parameter(tensor_of("bfloat16"))
    again = pickle.loads(pickle.dumps(half))
    assert type(again) is lucid.nn.Parameter
    assert_same(again, half)


def test_copies():
    x = lucid.tensor(ODD, requires_grad=True)
    (x * x).sum().backward()
    deep = copy.deepcopy(x)
    assert_same(deep, x)
    assert deep.grad is not x.grad
    assert deep.grad.tolist() == x.grad.tolist()
    shallow = copy.copy(x)
    assert_same(shallow, x)
    with lucid.no_grad():
        shallow += 1
    assert x.tolist() == lucid.tensor(ODD).tolist()
    shared = copy.deepcopy([x, x])
    assert shared[0] is shared[1]


def test_deep_copies_of_modules_are_apart():
    model = lucid.nn.Sequential(lucid.nn.Linear(2, 2))
    twin = copy.deepcopy(model)
    with lucid.no_grad():
        twin[0].weight.zero_()
    assert bool((model[0].weight != 0).any())
    assert type(twin[0].weight) is lucid.nn.Parameter


@pytest.mark.parametrize("name", DTYPES)
def test_dlpack_to_ourselves_and_mlx(name):
    x = tensor_of(name)
    assert_same(lucid.from_dlpack(x), x)
    if name != "float64":  # of which MLX makes float32 unless it is asked
        assert mx.array(x).dtype == x.dtype


@pytest.mark.parametrize("name", [n for n in DTYPES if n != "bfloat16"])
def test_dlpack_with_numpy(name):
    x = tensor_of(name)
    exported = np.from_dlpack(x)
    np.testing.assert_array_equal(exported, x.numpy())
    assert exported.dtype == x.numpy().dtype
    assert_same(lucid.from_dlpack(exported), x)


@pytest.mark.parity
@pytest.mark.parametrize("name", DTYPES)
def test_dlpack_with_torch(name):
    torch = pytest.importorskip("torch")
    x = tensor_of(name)
    exported = torch.from_dlpack(x)
    assert exported.dtype == getattr(torch, name.rstrip("_"))
    assert_same(lucid.from_dlpack(exported), x)
    exported.zero_()  # nobody writes into a Tensor of ours
    assert_same(x, tensor_of(name))


def test_numpy():
    x = tensor_of("float32")
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert x.numpy(force=True).tolist() == x.tolist()
    assert np.sin(np.array(x)).shape == (4,)
    with pytest.raises(ValueError, match="cannot be a NumPy array without a copy"):
        np.array(x, copy=False)
    values = np.arange(3.0)
    y = lucid.from_numpy(values)
    assert y.dtype == lucid.float64
    values[0] = 7
    assert y.tolist() == [0, 1, 2]


def test_numpy_of_the_other_byte_order():
    for kind in ("f4", "f8", "i8", "u2", "c8"):
        assert lucid.tensor(np.arange(3, dtype=f">{kind}")).tolist() == [0, 1, 2]


def test_lists_of_tensors():
    halves = lucid.tensor([0.5, 2.0], dtype=lucid.bfloat16)
    assert lucid.tensor([halves[0], halves[1]]).tolist() == [0.5, 2.0]


def test_as_tensor_and_asarray():
    x = lucid.ones(2, requires_grad=True)
    assert lucid.as_tensor(x) is lucid.asarray(x) is x
    assert lucid.asarray(x, copy=True) is not x
    assert lucid.as_tensor(x, dtype=lucid.float64).requires_grad
    assert lucid.as_tensor([1, 2]).dtype == lucid.int64
    assert lucid.asarray([1.0], requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lucid.from_numpy([1]), TypeError, "from_numpy expects a NumPy array, got list"),
        (lambda: lucid.from_dlpack([1]), TypeError, "an array that exports DLPack, got list"),
        (lambda: lucid.from_dlpack(np.ones(1), copy=False), ValueError, "cannot share memory"),
        (lambda: lucid.asarray([1], copy=False), ValueError, "cannot share memory"),
    ],
)
def test_refusals_of_foreign_data(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_tensor_of_an_mlx_array_is_a_copy():
    array = mx.array([1.0, 2.0])
    x = lucid.tensor(array)
    array[0] = 9
    assert x.tolist() == [1, 2]
