"""Train 1-D audio networks on your own Mac: PyTorch's ergonomics, MLX's Metal execution.

>>> import lucid
>>> x = lucid.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
Tensor([2., 4., 6.], grad=None)
"""

from importlib import import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from lucid import _linux

blas = _linux.prepare()  # before the first import of mlx; None: MLX has its own

from mlx.core import Dtype as dtype  # noqa: E402
from mlx.core import (  # noqa: E402
    bfloat16,
    complex64,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from mlx.core import bool_ as bool  # noqa: E402

from lucid import autograd, kernels, random  # noqa: E402
from lucid._shards import get_num_threads, set_num_threads  # noqa: E402
from lucid.autograd import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lucid.autograd.debugging import debug  # noqa: E402
from lucid.ops import *  # noqa: E402, F403
from lucid.ops import linalg, special  # noqa: E402
from lucid.ops.device import default_device, device, set_default_device  # noqa: E402
from lucid.ops.dtypes import (  # noqa: E402
    can_cast,
    finfo,
    get_default_dtype,
    iinfo,
    promote_types,
    result_type,
    set_default_dtype,
)
from lucid.random import (  # noqa: E402
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from lucid.tensor import Tensor, is_tensor  # noqa: E402
from lucid.tensor.typed import (  # noqa: E402
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)

__version__ = "0.1.0"

tensor = Tensor
zeros, ones, full, empty = Tensor.zeros, Tensor.ones, Tensor.full, Tensor.empty
zeros_like, ones_like = Tensor.zeros_like, Tensor.ones_like
full_like, empty_like = Tensor.full_like, Tensor.empty_like
empty_strided, empty_permuted = Tensor.empty_strided, Tensor.empty_permuted
scalar_tensor, as_tensor, asarray = Tensor.scalar_tensor, Tensor.as_tensor, Tensor.asarray
from_numpy, from_dlpack = Tensor.from_numpy, Tensor.from_dlpack
arange, linspace, logspace, eye = Tensor.arange, Tensor.linspace, Tensor.logspace, Tensor.eye
tril_indices, triu_indices = Tensor.tril_indices, Tensor.triu_indices
numel, is_floating_point, is_complex = Tensor.numel, Tensor.is_floating_point, Tensor.is_complex
is_nonzero, is_signed, is_same_size = Tensor.is_nonzero, Tensor.is_signed, Tensor.is_same_size
detach, zero_, get_default_device = Tensor.detach, Tensor.zero_, default_device
Size = tuple
newaxis = None
# torch's names of the dtypes
float, int, long, double, half = float32, int32, int64, float64, float16
short, cfloat = int16, complex64

# What loads when it is first named, so that `import lucid` stays quick. Type checkers see it all.
_PACKAGES = (
    *("amp", "audio", "backends", "compiler", "cuda", "data", "fft", "func", "jit", "models"),
    *("mps", "nn", "optim", "recipes", "signal", "utils"),
)
_WINDOWS = tuple(f"{w}_window" for w in ("bartlett", "blackman", "hamming", "hann", "kaiser"))
_SERIALIZATION = ("load", "save")
# functions that torch has under the same signature here and in nn.functional
_FUNCTIONAL = (
    *("adaptive_avg_pool1d", "alpha_dropout", "avg_pool1d", "bilinear", "celu_"),
    *("channel_shuffle", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"),
    *("cosine_similarity", "dropout", "feature_alpha_dropout", "group_norm", "layer_norm"),
    *("max_pool1d", "max_pool1d_with_indices", "max_pool2d", "pairwise_distance", "pdist"),
    *("pixel_shuffle", "pixel_unshuffle", "relu_", "rms_norm", "rrelu_", "selu_", "threshold_"),
)
_TRANSFORMS = ("vmap",)
_COMPILER = ("compile",)
_AUTOCAST = ("autocast", "get_autocast_dtype", "is_autocast_enabled")

if TYPE_CHECKING:
    from lucid import (
        amp,
        audio,
        backends,
        compiler,
        cuda,
        data,
        fft,
        func,
        jit,
        models,
        mps,
        nn,
        optim,
        recipes,
        signal,
        utils,
    )
    from lucid.amp import autocast, get_autocast_dtype, is_autocast_enabled
    from lucid.compiler import compile
    from lucid.func import vmap
    from lucid.nn.functional import (
        adaptive_avg_pool1d,
        alpha_dropout,
        avg_pool1d,
        bilinear,
        celu_,
        channel_shuffle,
        conv1d,
        conv2d,
        conv_transpose1d,
        conv_transpose2d,
        cosine_similarity,
        dropout,
        feature_alpha_dropout,
        group_norm,
        layer_norm,
        max_pool1d,
        max_pool1d_with_indices,
        max_pool2d,
        pairwise_distance,
        pdist,
        pixel_shuffle,
        pixel_unshuffle,
        relu_,
        rms_norm,
        rrelu_,
        selu_,
        threshold_,
    )
    from lucid.serialization import load, save
    from lucid.signal.windows import (
        bartlett_window,
        blackman_window,
        hamming_window,
        hann_window,
        kaiser_window,
    )


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"lucid.{name}")
    if name in _FUNCTIONAL:
        return getattr(import_module("lucid.nn.functional"), name)
    if name in _SERIALIZATION:
        return getattr(import_module("lucid.serialization"), name)
    if name in _AUTOCAST:
        return getattr(import_module("lucid.amp"), name)
    if name in _COMPILER:
        return getattr(import_module("lucid.compiler"), name)
    if name in _TRANSFORMS:
        return getattr(import_module("lucid.func"), name)
    if name in _WINDOWS:
        return getattr(import_module("lucid.signal.windows"), name)
    raise AttributeError(f"module 'lucid' has no attribute {name!r}")


def __dir__() -> list[str]:
    small = (*_SERIALIZATION, *_AUTOCAST, *_COMPILER, *_TRANSFORMS)
    named = (_PACKAGES, _FUNCTIONAL, small, _WINDOWS)
    return sorted([*globals(), *(name for names in named for name in names)])
