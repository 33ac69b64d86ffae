"""Attention as functions: `scaled_dot_product_attention`, `multi_head_attention_forward`."""

from __future__ import annotations

import math

import mlx.core as mx

from lucid import ops
from lucid.nn.check import floating
from lucid.nn.dropout import dropout
from lucid.nn.linear import linear
from lucid.ops.attention import attention
from lucid.ops.autocast import autocasts
from lucid.ops.device import on_device
from lucid.ops.keys import next_key
from lucid.tensor import Tensor


@autocasts
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(scale * query key^T + mask) value (Vaswani et al., 2017).

    Shapes: query (..., H, L, E), key (..., H, S, E), value (..., H, S, D) -> (..., H, L, D).

    Args:
        query, key, value: of one floating dtype. float16 and bfloat16 are computed in float32.
        attn_mask: added to the scores; or of bools, False where a position must not see another.
            A position that sees none gives zeros. It broadcasts to (..., L, S).
        dropout_p: probability with which a weight is zero. It acts whenever it is not 0: pass 0
            in evaluation.
        is_causal: position i sees the positions up to i. Not together with attn_mask.
        scale: 1/sqrt(E) if None.
        enable_gqa: fewer heads in key and value than in query; each serves several of query's.

    Raises:
        ValueError, TypeError: shapes, dtypes or settings that do not go together.

    >>> import lucid
    >>> q, k, v = lucid.randn(3, 2, 4, 5, 8).unbind()
    >>> lucid.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).shape
    (2, 4, 5, 8)
    """
    name = "scaled_dot_product_attention"
    for t in (query, key, value):
        floating(name, t)
    if not query.dtype == key.dtype == value.dtype:
        raise TypeError(
            f"{name} expects query, key and value of one dtype, got {query.dtype}, {key.dtype} "
            f"and {value.dtype}"
        )
    if enable_gqa:
        key, value = _repeated(query, key), _repeated(query, value)
    _check_shapes(name, query, key, value)
    if attn_mask is not None and is_causal:
        raise ValueError(f"{name} takes attn_mask or is_causal=True, not both")
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{name}: dropout_p must be from 0 to 1, got {dropout_p}")
    batch = mx.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    scores = (*batch, query.shape[-2], key.shape[-2])
    bias = allowed = keep = None
    if attn_mask is not None:
        try:
            fits = mx.broadcast_shapes(attn_mask.shape, scores) == scores
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{name} expects an attn_mask that broadcasts to {scores}, got {attn_mask.shape}"
            )
        if attn_mask.dtype == mx.bool_:
            allowed = attn_mask.array
        else:
            bias = attn_mask
    if dropout_p > 0:
        with on_device(query.device):
            drawn = mx.random.bernoulli(1 - dropout_p, scores, key=next_key())
            keep = drawn / (1 - dropout_p) if dropout_p < 1 else mx.zeros(scores)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    return attention(
        query, key, value, bias, scale=scale, causal=is_causal, allowed=allowed, keep=keep
    )


def _repeated(query: Tensor, x: Tensor) -> Tensor:
    """Each head as often as heads of `query` share it."""
    if query.ndim < 3 or x.ndim < 3 or not x.shape[-3] or query.shape[-3] % x.shape[-3]:
        raise ValueError(
            "enable_gqa needs heads in dimension -3, their number in query a multiple of that in "
            f"key and value, got shapes {query.shape} and {x.shape}"
        )
    times = query.shape[-3] // x.shape[-3]
    return x if times == 1 else ops.repeat_interleave(x, times, -3)


def _check_shapes(name: str, q: Tensor, k: Tensor, v: Tensor) -> None:
    fits = (
        min(q.ndim, k.ndim, v.ndim) >= 2
        and q.shape[-1] == k.shape[-1]
        and k.shape[-2] == v.shape[-2]
    )
    try:
        mx.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} expects query (..., L, E), key (..., S, E) and value (..., S, D), got "
            f"{q.shape}, {k.shape} and {v.shape}"
        )


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What `nn.MultiheadAttention` computes, from parameters that are handed in.

    Shapes: query (L, N, E) or (L, E), key (S, N, K), value (S, N, V) -> (L, N, E), and the
    weights (N, L, S), or (N, H, L, S) if not averaged, or None.

    The arguments are torch's; see `nn.MultiheadAttention` for what they mean.

    Raises:
        ValueError: shapes that do not agree; is_causal without attn_mask; no projections.
        TypeError: a mask of neither bools nor floats.

    >>> import lucid
    >>> x, one = lucid.ones(5, 4), lucid.eye(4)
    >>> y, weights = lucid.nn.functional.multi_head_attention_forward(
    ...     x, x, x, 4, 2, lucid.cat([one] * 3), None, None, None, False, 0.0, one, None
    ... )
    >>> y.shape, weights.shape
    ((5, 4), (5, 5))
    """
    batched = query.ndim == 3
    _check_heads(query, key, value, embed_dim_to_check, num_heads)
    if not batched:
        query, key, value = (ops.unsqueeze(t, 1) for t in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = ops.unsqueeze(key_padding_mask, 0)
    length, count, size = query.shape
    if is_causal and attn_mask is None:
        raise ValueError("is_causal=True is a hint about attn_mask, so attn_mask must be given too")
    causal = is_causal and key_padding_mask is None and not need_weights
    bias = _additive("attn_mask", attn_mask, query)
    padding = _additive("key_padding_mask", key_padding_mask, query)
    if bias is not None:
        expected = [(length, key.shape[0]), (count * num_heads, length, key.shape[0])]
        if bias.shape not in expected:
            raise ValueError(
                f"attn_mask must have shape {expected[0]} or {expected[1]}, got {bias.shape}"
            )
    if padding is not None and padding.shape != (count, key.shape[0]):
        raise ValueError(
            f"key_padding_mask must have shape {(count, key.shape[0])}, got {padding.shape}"
        )
    weights = (
        (q_proj_weight, k_proj_weight, v_proj_weight)
        if use_separate_proj_weight
        else (None if in_proj_weight is None else ops.chunk(in_proj_weight, 3))
    )
    if weights is None or any(w is None for w in weights):
        raise ValueError("the projections of query, key and value need their weights")
    biases = (None,) * 3 if in_proj_bias is None else ops.chunk(in_proj_bias, 3)
    if in_proj_weight is not None and not use_separate_proj_weight and query is key is value:
        q, k, v = ops.chunk(linear(query, in_proj_weight, in_proj_bias), 3, -1)  # one product
    else:
        q, k, v = map(linear, (query, key, value), weights, biases)
    extra = 0  # positions that every mask lets through
    if bias_k is not None and bias_v is not None:
        k = ops.cat([k, ops.expand(bias_k, 1, count, -1)])
        v = ops.cat([v, ops.expand(bias_v, 1, count, -1)])
        extra += 1
    q = _heads(q, num_heads)
    k = _heads(k, num_heads) if static_k is None else _given(static_k, count, num_heads)
    v = _heads(v, num_heads) if static_v is None else _given(static_v, count, num_heads)
    if add_zero_attn:
        k, v = (ops.pad(t, (0, 0, 0, 1)) for t in (k, v))
        extra += 1
    mask = None if causal and not extra else _mask(bias, padding, count, num_heads, extra)
    probability = dropout_p if training else 0.0
    if need_weights:
        scores = (q / math.sqrt(size // num_heads)) @ ops.transpose(k, -2, -1)
        p = ops.softmax(scores if mask is None else scores + mask, -1)
        p = dropout(p, probability)
        y = p @ v
    else:
        y = scaled_dot_product_attention(q, k, v, mask, probability, is_causal=causal and not extra)
    y = ops.reshape(ops.permute(y, 2, 0, 1, 3), length, count, size)
    y = linear(y, out_proj_weight, out_proj_bias)
    if not need_weights:
        return (y if batched else ops.squeeze(y, 1)), None
    if average_attn_weights:
        p = ops.mean(p, 1)
    return (y, p) if batched else (ops.squeeze(y, 1), ops.squeeze(p, 0))


def _check_heads(query: Tensor, key: Tensor, value: Tensor, size: int, heads: int) -> None:
    name = "multi_head_attention_forward"
    for t in (query, key, value):
        floating(name, t)
    if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
        raise ValueError(
            f"{name} expects query, key and value all (L, N, E) or all (L, E), got {query.shape}, "
            f"{key.shape} and {value.shape}"
        )
    if key.shape[:-1] != value.shape[:-1] or query.shape[1:-1] != key.shape[1:-1]:
        raise ValueError(
            f"{name} expects key and value of one length, and one batch for all, got query "
            f"{query.shape}, key {key.shape} and value {value.shape}"
        )
    if query.shape[-1] != size or size % heads:
        raise ValueError(
            f"{name} expects a query of {size} features, divisible by {heads} heads, got "
            f"{query.shape}"
        )


def _additive(name: str, mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A mask to be added: -inf where one of bools is True."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype != mx.bool_:
        raise TypeError(f"{name} must hold bools or floats, got {mask.dtype}")
    zeros = Tensor.zeros(mask.shape, dtype=like.dtype, device=like.device)
    return ops.masked_fill(zeros, mask, -math.inf)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(L, N, H*D) -> (N, H, L, D)."""
    return ops.permute(ops.reshape(x, *x.shape[:2], heads, -1), 1, 2, 0, 3)


def _given(x: Tensor, count: int, heads: int) -> Tensor:
    """(N*H, L, D) -> (N, H, L, D)."""
    return ops.reshape(x, count, heads, *x.shape[1:])


def _mask(
    bias: Tensor | None, padding: Tensor | None, count: int, heads: int, extra: int
) -> Tensor | None:
    """Both masks as one that broadcasts to (N, H, L, S + extra)."""
    if bias is not None and bias.ndim == 3:
        bias = _given(bias, count, heads)
    if padding is not None:
        padding = ops.reshape(padding, count, 1, 1, -1)
    given = [m for m in (bias, padding) if m is not None]
    if not given:
        return None
    mask = given[0] if len(given) == 1 else given[0] + given[1]
    return ops.pad(mask, (0, extra)) if extra else mask
