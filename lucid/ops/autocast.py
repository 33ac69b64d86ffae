"""Which operations `lucid.autocast` runs in which precision: torch's lists, by name.

What is in no list computes in the dtype that it is given, and promotes where dtypes differ.
Source: torch's "Automatic mixed precision: op-specific behavior", its lists for CUDA, and for
what those leave out (Fourier transforms, decompositions, ctc_loss) those for the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

LOW = "low"  # in float16 or bfloat16
WIDE = "wide"  # in float32
WIDEST = "widest"  # in the widest dtype among the inputs

_LISTS = {
    # products of matrices and convolutions: all the time goes there
    LOW: """
        addbmm addmm addmv addr baddbmm bmm chain_matmul conv1d conv2d
        conv_transpose1d conv_transpose2d einsum linear matmul mm multi_dot mv prelu recurrent
        scaled_dot_product_attention separable_conv1d vecdot
    """,
    # what overflows, cancels or adds up many terms
    WIDE: """
        acos asin cosh erfinv exp expm1 log log10 log1p log2 pow reciprocal rsqrt sinh softplus tan
        cumprod cumsum cumulative_layer_norm group_norm layer_norm log_softmax logcumsumexp
        logsumexp norm normalize prod renorm rms_norm softmax softmin sum
        binary_cross_entropy binary_cross_entropy_with_logits cdist cosine_embedding_loss
        cosine_similarity cross_entropy ctc_loss dist gaussian_nll_loss hinge_embedding_loss
        huber_loss kl_div l1_loss margin_ranking_loss mse_loss multi_margin_loss
        multilabel_margin_loss multilabel_soft_margin_loss nll_loss pairwise_distance pdist
        poisson_nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss
        triplet_margin_with_distance_loss
        fft fft2 fftn hfft ifft ifft2 ifftn ihfft irfft irfft2 irfftn istft rfft rfft2 rfftn stft
        cholesky det eigh inv lstsq matrix_norm pinv qr slogdet solve svd vector_norm
    """,
    WIDEST: """
        addcdiv addcmul atan2 bilinear cat concat cross dot index_put scatter_add stack tensordot
        vdot
    """,
}
POLICIES = {name: policy for policy, names in _LISTS.items() for name in names.split()}


class Caster(Protocol):
    """What `active` holds inside `autocast`."""

    def cast(self, policy: str, values: Sequence[Any]) -> list[Any]:
        """The values with their tensors in the precision of `policy`, recorded."""

    def apart(self) -> Caster:
        """The same, which knows of no casts made so far, and whose own nobody else will meet."""


# None outside of autocast, which is all that an operation looks at. A thread starts with None.
active: ContextVar[Caster | None] = ContextVar("active", default=None)


@contextmanager
def casting(caster: Caster | None) -> Iterator[None]:
    """Inside, operations are cast as `caster` says, in casts of their own.

    What runs again for backward has to: a weight that was cast before, or outside, is the end of
    its graph, and no gradient would reach the weight.
    """
    token = active.set(caster and caster.apart())
    try:
        yield
    finally:
        active.reset(token)


def autocasts(function: Any = None, /, *, like: str | None = None) -> Any:
    """Let `autocast` choose the precision of a function that is made of operations.

    All of it then runs in that precision: autocast is off inside.

    Args:
        like: the name in the lists, where it is not the function's own.
    """
    if function is None:
        return functools.partial(autocasts, like=like)
    policy = POLICIES[like or function.__name__]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        caster = active.get()
        if caster is None:
            return function(*args, **kwargs)
        values = caster.cast(policy, [*args, *kwargs.values()])
        args = tuple(values[: len(args)])
        kwargs = dict(zip(kwargs, values[len(args) :], strict=True))
        token = active.set(None)
        try:
            return function(*args, **kwargs)
        finally:
            active.reset(token)

    call.policy = policy  # type: ignore[attr-defined]
    return call
