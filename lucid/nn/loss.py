"""The losses as modules, each the function of `nn.functional` with its settings."""

from __future__ import annotations

from typing import Any

from lucid.nn.applied import Applied
from lucid.nn.losses.binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    kl_div,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from lucid.nn.losses.classes import cross_entropy, nll_loss
from lucid.nn.losses.ctc import ctc_loss
from lucid.nn.losses.reduction import REDUCTIONS, check_reduction
from lucid.nn.losses.regression import (
    check_delta,
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from lucid.tensor import Tensor


class Loss(Applied):
    """A function of tensors with its reduction and other settings; weights are buffers.

    Gives one number, or one for each sample or element with reduction="none".

    Raises:
        ValueError: an unknown reduction.
    """

    reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction: str, **settings: Any) -> None:
        check_reduction(type(self).__name__, reduction, self.reductions)
        weights = [name for name in settings if name.endswith("weight")]
        super().__init__(weights, **settings, reduction=reduction)

    def extra_repr(self) -> str:
        return ""  # as torch's losses


class MSELoss(Loss):
    """`mse_loss`: (input - target)**2, for tensors of one shape.

    >>> import lucid
    >>> lucid.nn.MSELoss()(lucid.tensor([1.0, 3.0]), lucid.zeros(2))
    Tensor(5., grad=None)
    """

    function = staticmethod(mse_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)


class L1Loss(Loss):
    """`l1_loss`: |input - target|, for tensors of one shape.

    >>> import lucid
    >>> lucid.nn.L1Loss(reduction="sum")(lucid.tensor([1.0, -3.0]), lucid.zeros(2))
    Tensor(4., grad=None)
    """

    function = staticmethod(l1_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)


class HuberLoss(Loss):
    """`huber_loss`: squares up to an error of delta, beyond it straight lines.

    Shapes: input and target alike.

    Raises:
        ValueError: delta not above 0.

    >>> import lucid
    >>> lucid.nn.HuberLoss(delta=2.0)(lucid.tensor([5.0]), lucid.zeros(1))
    Tensor(8., grad=None)
    """

    function = staticmethod(huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        check_delta("HuberLoss", delta)
        super().__init__(reduction, delta=delta)


class SmoothL1Loss(Loss):
    """`smooth_l1_loss`: `HuberLoss` divided by its delta, which is called beta.

    Shapes: input and target alike.

    >>> import lucid
    >>> lucid.nn.SmoothL1Loss(beta=2.0)(lucid.tensor([5.0]), lucid.zeros(1))
    Tensor(4., grad=None)
    """

    function = staticmethod(smooth_l1_loss)

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction, beta=beta)


class PoissonNLLLoss(Loss):
    """`poisson_nll_loss`: counts `target` under rates whose logarithm is the input.

    >>> import lucid
    >>> lucid.nn.PoissonNLLLoss()(lucid.tensor([0.0]), lucid.tensor([3.0]))
    Tensor(1., grad=None)
    """

    function = staticmethod(poisson_nll_loss)

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, log_input=log_input, full=full, eps=eps)


class GaussianNLLLoss(Loss):
    """`gaussian_nll_loss`: called with the means, the targets and the variances.

    Shapes: target broadcasts with input; the variances as input, or 1 in place of one size.

    >>> import lucid
    >>> mean, target, var = lucid.zeros(4, 3), lucid.ones(4, 3), lucid.ones(4, 1)
    >>> lucid.nn.GaussianNLLLoss()(mean, target, var)
    Tensor(0.5, grad=None)
    """

    function = staticmethod(gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction, full=full, eps=eps)


class BCELoss(Loss):
    """`binary_cross_entropy` of probabilities; the weight is a buffer.

    Shapes: input and target alike; the weight broadcasts.

    >>> import lucid
    >>> lucid.nn.BCELoss()(lucid.tensor([0.5]), lucid.tensor([1.0]))
    Tensor(0.6931, grad=None)
    """

    function = staticmethod(binary_cross_entropy)

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction, weight=weight)


class BCEWithLogitsLoss(Loss):
    """`binary_cross_entropy_with_logits`; the weights are buffers.

    Shapes: input and target alike; weight and pos_weight broadcast.

    >>> import lucid
    >>> lucid.nn.BCEWithLogitsLoss()(lucid.tensor([0.0]), lucid.tensor([1.0]))
    Tensor(0.6931, grad=None)
    """

    function = staticmethod(binary_cross_entropy_with_logits)

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight=weight, pos_weight=pos_weight)


class SoftMarginLoss(Loss):
    """`soft_margin_loss`: log(1 + exp(-target * input)) for targets of -1 or 1.

    >>> import lucid
    >>> lucid.nn.SoftMarginLoss()(lucid.tensor([0.0]), lucid.tensor([-1.0]))
    Tensor(0.6931, grad=None)
    """

    function = staticmethod(soft_margin_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)


class MultiLabelSoftMarginLoss(Loss):
    """`multilabel_soft_margin_loss` of logits (..., C); the weight, (C,), is a buffer.

    >>> import lucid
    >>> lucid.nn.MultiLabelSoftMarginLoss()(lucid.zeros(4, 3), lucid.ones(4, 3))
    Tensor(0.6931, grad=None)
    """

    function = staticmethod(multilabel_soft_margin_loss)

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction, weight=weight)


class KLDivLoss(Loss):
    """`kl_div` of log-probabilities; reduction="batchmean" is the divergence.

    >>> import lucid
    >>> q, p = lucid.tensor([[0.5, 0.5]]), lucid.tensor([[1.0, 0.0]])
    >>> lucid.nn.KLDivLoss(reduction="batchmean")(q.log(), p)
    Tensor(0.6931, grad=None)
    """

    function = staticmethod(kl_div)
    reductions = ("mean", "batchmean", "sum", "none")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)


class NLLLoss(Loss):
    """`nll_loss` of log-probabilities (N, C, ...); the weight is a buffer.

    >>> import lucid
    >>> lucid.nn.NLLLoss()(lucid.tensor([[-1.0, -2.0]]), lucid.tensor([1]))
    Tensor(2., grad=None)
    """

    function = staticmethod(nll_loss)

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, weight=weight, ignore_index=ignore_index)


class CrossEntropyLoss(Loss):
    """`cross_entropy`: the usual loss of a classifier; the weight is a buffer.

    Shapes: scores (N, C), (N, C, L, ...) or (C,), and classes without the C.

    >>> import lucid
    >>> loss = lucid.nn.CrossEntropyLoss()
    >>> round(loss(lucid.zeros(1, 2), lucid.tensor([1])).item(), 4)
    0.6931
    """

    function = staticmethod(cross_entropy)

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            reduction, weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing
        )


class CTCLoss(Loss):
    """`ctc_loss`: called with log-probabilities (T, N, C), targets, and the lengths of both.

    Args:
        blank: the class of "nothing here".
        zero_infinity: 0, and no gradient, where a target is too long for its input.

    >>> import lucid
    >>> loss = lucid.nn.CTCLoss(zero_infinity=True)
    >>> loss(lucid.zeros(1, 1, 3), lucid.tensor([[1, 2]]), (1,), (2,)).item()
    0.0
    """

    function = staticmethod(ctc_loss)

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction, blank=blank, zero_infinity=zero_infinity)
