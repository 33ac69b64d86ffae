"""`Transformer` and its parts (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from lucid import ops
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.check import positive
from lucid.nn.container import ModuleList
from lucid.nn.dropout import Dropout
from lucid.nn.linear import Linear
from lucid.nn.module import Module
from lucid.nn.multihead_attention import MultiheadAttention
from lucid.nn.norm import LayerNorm
from lucid.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """Attentions and a feed-forward network, each with a normalised sum around it."""

    attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        new = {"bias": bias, "device": device, "dtype": dtype}
        for name in self.attentions:
            attention = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **new)
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, **new)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **new)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for i in parts:
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, **new))
        for i in parts:
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _activation(type(self).__name__, activation)

    def _add(self, x: Tensor, number: int, part: Callable[[Tensor], Tensor]) -> Tensor:
        """x plus what a part makes of it, normalised before or after."""
        norm, drop = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        if self.norm_first:
            return x + drop(part(norm(x)))
        return norm(x + drop(part(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


def _attend(
    layer: Module, key: Tensor | None, mask: Any, padding: Any, is_causal: bool
) -> Callable[[Tensor], Tensor]:
    """Attention to `key`, or to the query itself, as a function of the query."""

    def attend(x: Tensor) -> Tensor:
        seen = x if key is None else key
        return layer(
            x, seen, seen, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal,
            need_weights=False,
        )[0]  # fmt: skip

    return attend


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with a sum and a `LayerNorm`.

    Shapes: src (L, N, d_model), (N, L, d_model) with `batch_first`, or (L, d_model) -> the same.

    Args:
        d_model: features.
        nhead: heads of the attention.
        dim_feedforward: features inside the feed-forward network.
        dropout: probability of zeros, in training.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: eps of the norms.
        batch_first: N comes first.
        norm_first: normalise before each part instead of after it.
        bias: the linear layers and norms have biases.
        device, dtype: of the parameters.

    Raises:
        ValueError, TypeError: settings or shapes that do not go together.

    >>> import lucid
    >>> layer = lucid.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> layer(lucid.randn(10, 3, 8)).shape
    (10, 3, 8)
    """

    attentions = ("self_attn",)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The masks are `attn_mask` and `key_padding_mask` of `nn.MultiheadAttention`."""
        attend = _attend(self.self_attn, None, src_mask, src_key_padding_mask, is_causal)
        return self._add(self._add(src, 1, attend), 2, self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's output, and a feed-forward network.

    Shapes: tgt (L, N, d_model) and memory (S, N, d_model), N first with `batch_first`, or without
    N -> the shape of tgt.

    The arguments are those of `TransformerEncoderLayer`.

    Raises:
        ValueError, TypeError: settings or shapes that do not go together.

    >>> import lucid
    >>> layer = lucid.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> layer(lucid.randn(10, 3, 8), memory=lucid.randn(7, 3, 8)).shape
    (10, 3, 8)
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The masks are `attn_mask` and `key_padding_mask` of `nn.MultiheadAttention`."""
        own = _attend(self.self_attn, None, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = _attend(
            self.multihead_attn, memory, memory_mask, memory_key_padding_mask, memory_is_causal
        )
        return self._add(self._add(self._add(tgt, 1, own), 2, other), 3, self._feed_forward)


class TransformerEncoder(Module):
    """A stack of copies of one encoder layer.

    Args:
        encoder_layer: the layer to copy, parameters and all.
        num_layers: how many copies.
        norm: a module for the output, or None.
        enable_nested_tensor, mask_check: of torch's inference on nested tensors; they change
            nothing here.

    Raises:
        ValueError: fewer than one copy.

    >>> import lucid
    >>> layer = lucid.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> lucid.nn.TransformerEncoder(layer, num_layers=2)(lucid.randn(10, 3, 8)).shape
    (10, 3, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.num_layers = positive("TransformerEncoder", "num_layers", num_layers)
        self.layers = _copies(encoder_layer, num_layers)
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """`is_causal` says that the mask is the causal one; nothing depends on saying so."""
        for layer in self.layers:
            src = layer(
                src, src_mask=mask, src_key_padding_mask=src_key_padding_mask,
                is_causal=bool(is_causal),
            )  # fmt: skip
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """A stack of copies of one decoder layer.

    Args:
        decoder_layer: the layer to copy, parameters and all.
        num_layers: how many copies.
        norm: a module for the output, or None.

    Raises:
        ValueError: fewer than one copy.

    >>> import lucid
    >>> layer = lucid.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> decoder = lucid.nn.TransformerDecoder(layer, num_layers=2)
    >>> decoder(lucid.randn(10, 3, 8), lucid.randn(7, 3, 8)).shape
    (10, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.num_layers = positive("TransformerDecoder", "num_layers", num_layers)
        self.layers = _copies(decoder_layer, num_layers)
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The masks are those of `TransformerDecoderLayer`."""
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal), memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder, and a decoder that attends to its output.

    Shapes: src (S, N, d_model) and tgt (L, N, d_model), N first with `batch_first`, or without N
    -> the shape of tgt.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype: as in `TransformerEncoderLayer`.
        num_encoder_layers, num_decoder_layers: how many of each.
        custom_encoder, custom_decoder: modules to be used instead.

    Attributes:
        encoder, decoder: with weights from `init.xavier_uniform_`.

    Raises:
        ValueError: src and tgt of another number of features, or of different N.

    >>> import lucid
    >>> model = lucid.nn.Transformer(8, 2, 1, 1, dim_feedforward=16)
    >>> model(lucid.randn(10, 3, 8), lucid.randn(7, 3, 8)).shape
    (7, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        new = {"bias": bias, "device": device, "dtype": dtype}
        settings = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first,
        )  # fmt: skip
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*settings, **new),
            num_encoder_layers,
            LayerNorm(d_model, layer_norm_eps, **new),
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*settings, **new),
            num_decoder_layers,
            LayerNorm(d_model, layer_norm_eps, **new),
        )
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The masks are those of the layers; see `generate_square_subsequent_mask`."""
        batch = 0 if self.batch_first else 1
        if (
            src.ndim != tgt.ndim
            or src.ndim not in (2, 3)
            or (src.ndim == 3 and src.shape[batch] != tgt.shape[batch])
            or src.shape[-1:] + tgt.shape[-1:] != (self.d_model,) * 2
        ):
            raise ValueError(
                f"Transformer expects src and tgt of {self.d_model} features and one batch size, "
                f"got {src.shape} and {tgt.shape}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """A causal mask (sz, sz): -inf above the diagonal, where later positions lie, else 0.

        >>> Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        return ops.triu(Tensor.full((sz, sz), -math.inf, dtype=dtype, device=device), 1)


def _activation(name: str, given: Activation) -> Callable[[Tensor], Tensor]:
    if callable(given):
        return given
    if given not in ("relu", "gelu"):
        raise ValueError(f'{name}: activation must be "relu", "gelu" or a function, got {given!r}')
    return F.relu if given == "relu" else F.gelu


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList(copy.deepcopy(layer) for _ in range(count))
