"""`MultiheadAttention`."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn import init
from lucid.nn.attention import multi_head_attention_forward
from lucid.nn.check import positive
from lucid.nn.linear import Linear
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor


class MultiheadAttention(Module):
    """Several attentions side by side, on projections of the inputs (Vaswani et al., 2017).

    Shapes: query (L, N, E), key (S, N, kdim), value (S, N, vdim), the first two dimensions
    exchanged with `batch_first`, or without N -> the output like query, and the weights (N, L, S).

    Args:
        embed_dim: E, divisible by num_heads.
        num_heads: how many attentions, of E / num_heads features each.
        dropout: probability with which a weight is zero, in training.
        bias: add biases to the projections.
        add_bias_kv: learn one more key and value.
        add_zero_attn: add one more key and value of zeros.
        kdim, vdim: features of key and value; E if None.
        batch_first: inputs and output are (N, L, E).
        device, dtype: of the parameters.

    Attributes:
        in_proj_weight: (3E, E); or q_proj_weight (E, E), k_proj_weight (E, kdim) and
            v_proj_weight (E, vdim). Xavier uniform.
        in_proj_bias: (3E,), zeros.
        out_proj: a `Linear` of E features, its bias zeros.

    Raises:
        ValueError, TypeError: settings, shapes or masks that do not go together.

    >>> import lucid
    >>> attention = lucid.nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = lucid.randn(4, 5, 8)
    >>> y, weights = attention(x, x, x)
    >>> y.shape, weights.shape
    ((4, 5, 8), (4, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name, new = "MultiheadAttention", {"device": device, "dtype": dtype}
        self.embed_dim = positive(name, "embed_dim", embed_dim)
        self.num_heads = positive(name, "num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                f"{name}: embed_dim={embed_dim} must be divisible by num_heads={num_heads}"
            )
        self.head_dim = embed_dim // num_heads
        self.kdim = embed_dim if kdim is None else positive(name, "kdim", kdim)
        self.vdim = embed_dim if vdim is None else positive(name, "vdim", vdim)
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._separate = (self.kdim, self.vdim) != (embed_dim, embed_dim)
        columns = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        for letter, n in columns.items():
            weight = Parameter(Tensor.zeros(embed_dim, n, **new)) if self._separate else None
            self.register_parameter(f"{letter}_proj_weight", weight)
        whole = None if self._separate else Parameter(Tensor.zeros(3 * embed_dim, embed_dim, **new))
        self.register_parameter("in_proj_weight", whole)
        in_bias = Parameter(Tensor.zeros(3 * embed_dim, **new)) if bias else None
        self.register_parameter("in_proj_bias", in_bias)
        self.out_proj = Linear(embed_dim, embed_dim, bias, **new)
        for label in ("bias_k", "bias_v"):
            extra = Parameter(Tensor.zeros(1, 1, embed_dim, **new)) if add_bias_kv else None
            self.register_parameter(label, extra)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, p in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(p)
            elif name == "in_proj_bias":
                init.zeros_(p)
            else:
                init.xavier_normal_(p)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The output, and the weights or None.

        Args:
            query, key, value: see the class.
            key_padding_mask: (N, S), True at keys that nobody sees, or floats that are added to
                their scores.
            need_weights: return the weights; without them it is quicker.
            attn_mask: (L, S) or (N*num_heads, L, S), True where a query must not see a key, or
                floats that are added to the scores.
            average_attn_weights: the weights' mean over the heads; else (N, num_heads, L, S).
            is_causal: says that attn_mask is the causal one.

        A query that sees no key gives NaN, and zeros where the weights are not asked for.
        """
        turned = self.batch_first and query.ndim == 3
        if turned:
            same = query is key is value
            query = ops.transpose(query, 0, 1)
            key, value = (query, query) if same else (ops.transpose(t, 0, 1) for t in (key, value))
        y, weights = multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads,
            self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn,
            self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, self._separate,
            self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (ops.transpose(y, 0, 1) if turned else y), weights
