"""The Tensor, point by point: what it is made of, how it prints, how it leaves."""

import copy
import pickle

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import Tensor


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (3.0, lucid.float32, ()),
        (3, lucid.int64, ()),
        (True, lucid.bool, ()),
        (1 + 2j, lucid.complex64, ()),
        ([1, 2.5], lucid.float32, (2,)),
        ([[1], [2]], lucid.int64, (2, 1)),
        ([], lucid.float32, (0,)),
        (range(3), lucid.int64, (3,)),
        (np.float64(2.0), lucid.float32, ()),
        (np.zeros((2, 3)), lucid.float32, (2, 3)),
        (np.arange(6, dtype=np.int16)[::2], lucid.int16, (3,)),
        (np.zeros(2, np.float16), lucid.float16, (2,)),
        (mx.zeros((2,), mx.bfloat16), lucid.bfloat16, (2,)),
        ([lucid.tensor(1.0), 2.0], lucid.float32, (2,)),
        (lucid.zeros(2), lucid.float32, (2,)),
    ],
)
def test_data(data, dtype, shape):
    for make in (Tensor, lucid.tensor):
        x = make(data)
        assert x.dtype == dtype
        assert x.shape == shape
        assert isinstance(x.shape, tuple)
        assert isinstance(x, Tensor)


def test_settings():
    x = Tensor([1, 2], True, lucid.float16, "cpu")
    assert x.requires_grad
    assert x.dtype == lucid.float16
    assert x.device == "cpu"
    assert lucid.tensor([0.1], dtype=lucid.float64).item() == 0.1
    assert lucid.tensor([0.1], dtype="float64").item() == 0.1
    assert lucid.tensor([1.7], dtype=int).dtype == lucid.int64


def test_values_are_copied():
    source = np.zeros(3, np.float32)
    x = lucid.tensor(source)
    source[0] = 1
    out = x.numpy()
    out[1] = 1
    assert x.tolist() == [0, 0, 0]


def test_dlpack():
    class Foreign:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **settings):
            return self.array.__dlpack__(**settings)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    assert lucid.tensor(Foreign(np.arange(3))).tolist() == [0, 1, 2]
    assert np.from_dlpack(lucid.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([[1, 2], [3]], ValueError, "rows differ in length; pad them to one length first"),
        ("abc", TypeError, "holds numbers, got str"),
        ([1, "a"], TypeError, "holds numbers, got list"),
        (None, TypeError, "holds numbers, got NoneType"),
        (2**70, TypeError, "holds numbers, got int of dtype object"),
    ],
)
def test_bad_data(data, error, message):
    with pytest.raises(error, match=message):
        lucid.tensor(data)


def test_bad_settings():
    with pytest.raises(TypeError, match="unknown dtype 'float33'"):
        lucid.tensor(1, dtype="float33")
    with pytest.raises(ValueError, match='device must be "cpu", "gpu" or "metal", got \'tpu\''):
        lucid.tensor(1, device="tpu")
    with pytest.raises(RuntimeError, match="only floating point tensors can require grad"):
        lucid.tensor(1, requires_grad=True)


@pytest.mark.skipif(mx.is_available(mx.Device(mx.gpu)), reason="there is a GPU")
@pytest.mark.parametrize("name", ["gpu", "metal"])
def test_a_gpu_that_is_not_there(name):
    with pytest.raises(RuntimeError, match=f"device '{name}' was asked for, but MLX sees no GPU"):
        lucid.tensor(1, device=name)
    with pytest.raises(RuntimeError, match="MLX sees no GPU"):
        lucid.ones(1).to(name)
    with pytest.raises(RuntimeError, match="MLX sees no GPU"):
        lucid.set_default_device(name)


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (lucid.tensor([1.0, 2.0, 1 / 3]), "Tensor([1.    , 2.    , 0.3333], grad=None)"),
        (lucid.tensor(3.0), "Tensor(3., grad=None)"),
        (lucid.arange(3), "Tensor([0, 1, 2], grad=None)"),
        (lucid.tensor([True]), "Tensor([ True], grad=None)"),
        (lucid.zeros(0), "Tensor([], grad=None)"),
        (lucid.zeros(2, 0), "Tensor([], shape=(2, 0), grad=None)"),
        (lucid.ones(1, requires_grad=True), "Tensor([1.], grad=None, requires_grad=True)"),
        (lucid.ones(1, dtype=lucid.bfloat16), "Tensor([1.], grad=None, dtype=bfloat16)"),
        (
            lucid.tensor([0.5], dtype=lucid.float16),
            "Tensor([0.5], grad=None, dtype=float16)",
        ),
        (lucid.tensor([float("nan"), 1e-9]), "Tensor([   nan, 1.e-09], grad=None)"),
        (lucid.tensor([1e8, 1.0]), "Tensor([1.e+08, 1.e+00], grad=None)"),
        (lucid.ones(2, 2), "Tensor([[1., 1.],\n        [1., 1.]], grad=None)"),
        (lucid.ones(5000), "Tensor([1., 1., 1., ..., 1., 1., 1.], grad=None)"),
    ],
)
def test_text(tensor, text):
    assert repr(tensor) == str(tensor) == text


def test_text_with_a_gradient():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert repr(x) == "Tensor([1., 2.], grad=[2., 4.], requires_grad=True)"
    y = lucid.ones(20, 1, requires_grad=True)
    y.sum().backward()
    assert "grad=<shape (20, 1)>" in repr(y)
    assert repr((x * x).grad_fn) == "<mul backward>"


def test_format():
    assert f"{lucid.tensor(3.14159):.3f} {lucid.tensor(7):03d}" == "3.142 007"
    assert f"{lucid.ones(1)}" == "Tensor([1.], grad=None)"


def test_numbers_keep_their_kind():
    assert type(lucid.tensor(3.0).item()) is float
    assert type(lucid.tensor(3).item()) is int
    assert type(lucid.tensor(True).item()) is bool
    assert lucid.ones(1, 1).item() == 1.0
    assert (float(lucid.tensor(2)), int(lucid.tensor(2.7))) == (2.0, 2)
    assert [10, 20][lucid.tensor(1)] == 20
    assert complex(lucid.tensor(1j)) == 1j
    with pytest.raises(ValueError, match=r"item\(\) needs a Tensor of one element, got shape \(2,"):
        lucid.ones(2).item()
    with pytest.raises(TypeError, match="only integer tensors can be an index"):
        [10, 20][lucid.tensor(1.0)]


def test_truth():
    assert lucid.tensor(1.0)
    assert not lucid.tensor([0])
    with pytest.raises(ValueError, match=r"truth of a Tensor of shape \(2,\) is ambiguous"):
        bool(lucid.ones(2))


def test_numpy_of_a_tensor_that_requires_grad():
    x = lucid.ones(2, requires_grad=True)
    np.testing.assert_array_equal(x.numpy(), [1, 1])
    np.testing.assert_array_equal(np.asarray(x * 2, dtype=np.float64), [2, 2])
    assert lucid.ones(2, dtype=lucid.bfloat16).numpy().dtype == np.float32


def test_numpy_arrays_give_way():
    y = np.ones(2, np.float32) * lucid.ones(2, requires_grad=True)
    assert isinstance(y, Tensor)
    assert y.requires_grad
    wide = lucid.ones(1, dtype=lucid.float64) * np.array([0.1])
    assert wide.item() == 0.1


def test_eval_returns_self():
    x = lucid.ones(2) * 2
    assert x.eval() is x


def test_length_iteration_and_membership():
    x = lucid.arange(3)
    assert len(x) == 3
    assert [t.item() for t in x] == [0, 1, 2]
    assert 2 in x
    assert 5 not in x
    a, b = lucid.ones(2, 3, requires_grad=True)
    assert a.shape == b.shape == (3,)
    for use in (len, iter):
        with pytest.raises(TypeError, match="0-dimensional"):
            use(lucid.tensor(1))


def test_equality_with_other_things():
    x = lucid.ones(1)
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    assert len({x, x}) == 1


def test_detach_clone_and_data():
    x = lucid.ones(2, requires_grad=True)
    assert not x.detach().requires_grad
    (x.clone() * 2).sum().backward()
    assert x.grad.tolist() == [2, 2]
    x.data = lucid.zeros(2)
    assert x.tolist() == [0, 0]
    assert x.requires_grad
    flags = lucid.tensor([True]).clone()
    assert flags.dtype == lucid.bool


def test_conversion_keeps_the_graph():
    x = lucid.ones(2, requires_grad=True)
    for y in (x.to("cpu"), x.cpu(), x.half(), x.double(), x.to(lucid.float64), x.contiguous()):
        assert y.requires_grad
    x.to(lucid.float16).sum().backward()
    assert x.grad.dtype == lucid.float32
    like = lucid.ones(1, dtype=lucid.float64)
    assert x.to(like).dtype == x.type_as(like).dtype == lucid.float64
    assert x.int().dtype == lucid.int32
    assert x.bool().dtype == lucid.bool
    assert x.long().dtype == x.type(int).dtype == lucid.int64


def test_conversion_to_what_it_is_gives_itself():
    x = lucid.ones(2)
    assert x.float() is x.to(lucid.float32) is x.type_as(x) is x.to("cpu") is x
    assert x.to(lucid.float32, copy=True) is not x


def test_float64_only_where_asked_for():
    x = lucid.ones(3)
    for y in (x * 2.5, x + np.float64(1), x.mean(), x / 3, x**0.5, x * np.ones(3)):
        assert y.dtype == lucid.float32
    wide = lucid.tensor([0.1, 0.7], dtype=lucid.float64)
    np.testing.assert_array_equal((wide * 0.1).numpy(), np.array([0.1, 0.7]) * 0.1)


def test_copies():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.grad.tolist() == [2.0, 4.0]
    assert y.grad is not x.grad
    with pytest.raises(RuntimeError, match="only leaves can be deep-copied"):
        copy.deepcopy(x * 2)
    for dtype in (lucid.bfloat16, lucid.int8, lucid.bool, lucid.complex64, lucid.float64):
        z = pickle.loads(pickle.dumps(lucid.ones(2, dtype=dtype)))
        assert z.dtype == dtype
        assert z.tolist() == [1, 1]
    assert pickle.loads(pickle.dumps(x)).requires_grad


def test_requires_grad_switches():
    x = lucid.ones(2)
    assert x.requires_grad_() is x
    assert x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    y = lucid.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="can be switched off for leaves only"):
        y.requires_grad_(False)


def test_sizes():
    x = lucid.zeros(2, 3)
    assert x.size() == x.shape == (2, 3)
    assert (x.size(-1), x.dim(), x.ndim, x.numel(), x.nbytes, x.element_size()) == (
        3,
        2,
        2,
        6,
        24,
        4,
    )
    assert x.is_floating_point()
    assert not lucid.arange(1).is_floating_point()


def test_in_place_on_values():
    x = lucid.tensor([1.0, -2.0])
    same = x
    x += 1
    x -= lucid.ones(2)
    x *= 2
    x /= 4
    assert same is x
    assert x.add_(1, alpha=2).sub_(1).mul_(2).div_(2).tolist() == [1.5, 0.0]
    assert x.clamp_(max=1.0).tolist() == [1.0, 0.0]
    assert x.fill_(3).tolist() == [3.0, 3.0]
    assert x.copy_(lucid.arange(2)).tolist() == [0.0, 1.0]
    assert x.lerp_(lucid.tensor([4.0, 5.0]), 0.5).tolist() == [2.0, 3.0]
    assert x.masked_fill_(lucid.tensor([True, False]), 9.0).tolist() == [9.0, 3.0]
    assert x.zero_().tolist() == [0.0, 0.0]
    assert x.dtype == lucid.float32


def test_in_place_refusals():
    with pytest.raises(RuntimeError, match="a leaf that requires grad cannot be changed in place"):
        lucid.ones(2, requires_grad=True).add_(1)
    with pytest.raises(ValueError, match=r"cannot change the shape from \(2,\) to \(3, 2\)"):
        lucid.ones(2).add_(lucid.ones(3, 2))
    with pytest.raises(TypeError, match=r"cannot keep a result of .*float32 in .*int64"):
        lucid.arange(2).add_(0.5)


def test_an_optimizer_step_by_hand():
    w = lucid.ones(2, requires_grad=True)
    (w * w).sum().backward()
    with lucid.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    assert w.requires_grad
    assert w.is_leaf
    np.testing.assert_allclose(w.numpy(), 0.8, rtol=1e-6)


def test_the_arithmetic_of_the_seed_page():
    x = lucid.tensor([[[1.0, 2.0, 3.0]]], requires_grad=True)
    w = lucid.tensor([1.0, 0.5], requires_grad=True)
    y = lucid.pad(x, (0, 1)) * w[0] + lucid.pad(x, (1, 0)) * w[1]  # stride 1, transposed
    assert y.tolist() == [[[1.0, 2.5, 4.0, 1.5]]]
    y.backward()
    assert x.grad.tolist() == [[[1.5, 1.5, 1.5]]]
    assert w.grad.tolist() == [6.0, 6.0]
