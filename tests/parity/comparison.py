"""One sample by torch and by lucid: the result, then the gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

import lucid

from .compare import (
    Mismatch,
    compare_kind,
    compare_rounded,
    compare_values,
    leaves,
    slacks,
)
from .convert import Unsupported, tensors, to_lucid
from .sample import Sample


class Comparison:
    """One sample, by torch and by lucid: the result, then the gradients."""

    def __init__(
        self, theirs: Callable, ours: Callable, sample: Sample, ties: bool = False
    ) -> None:
        self.theirs, self.ours, self.sample = theirs, ours, sample
        self.ties = ties  # among equal elements any index is right
        self.result, self.inputs = sample.torch_call(theirs)  # raises: torch has no answer
        self.our_result = None
        self.arbitrary = False  # other values would be right too

    def forward(self, values: bool = True) -> None:
        """Result and changed arguments are torch's."""
        lucid.manual_seed(0)
        self.our_result, self.our_inputs = self.sample.lucid_call(self.ours)
        compare_kind(self.our_result, self.result)
        if not values:
            self.arbitrary = True
            return
        ours, theirs = leaves(self.our_result), leaves(self.result)
        try:
            self._values(ours, theirs, lambda: leaves(self._wide()[0]))
        except Mismatch:
            if not self._same_when_processed():
                self.arbitrary = (self.ties and self._tied(ours, theirs)) or self._is_random()
                if not self.arbitrary:
                    raise
        if not self.arbitrary:
            self._changed_arguments()

    def gradients(self) -> None:
        """The gradients of all inputs are torch's, from one fixed pseudo-random cotangent."""
        ours, expected = self._our_gradients(), self._their_gradients(self.result, self.inputs)
        places, pairs = [], []
        for i, (a, b) in enumerate(zip(ours, expected, strict=True)):
            if b is None and a is not None:
                b = torch.zeros_like(leaves(a)[0])
            if b is None or (a is None and not b.any()):
                continue
            if a is None:
                raise Mismatch("gradient", f"none of input {i}, torch has one")
            compare_kind(a, b, f" in the gradient of input {i}")
            places.append(i)
            pairs.append((leaves(a)[0], b))
        if self.arbitrary or not pairs:
            return
        named = [f" in the gradient of input {i}" for i in places]
        try:
            self._values(*zip(*pairs, strict=True), lambda: self._wide_gradients(places), named)
        except Mismatch:
            if not self._is_random():
                raise

    def differentiable(self) -> bool:
        """Has torch a gradient here?"""
        return any(t.requires_grad for t in self.inputs) and any(
            t.requires_grad for t in tensors(self.sample.process(self.result))
        )

    def _values(
        self, ours: Sequence, theirs: Sequence, wide: Callable[[], list], places: Sequence[str] = ()
    ) -> None:
        """Compare all; where one is off, with what torch finds in wider dtypes, from `wide()`."""
        pairs = list(zip(ours, theirs, places or [""] * len(theirs), strict=True))
        try:
            for a, b, place in pairs:
                compare_values(a, b, place)
            return
        except Mismatch:
            wider = self._attempt(wide)
            if len(wider) != len(pairs):
                raise
            room = slacks(theirs, wider)
            for (a, b, place), w, slack in zip(pairs, wider, room, strict=True):
                compare_rounded(a, b, w, slack, place)

    @staticmethod
    def _attempt(function: Callable) -> list:
        try:
            return function()
        except Exception:  # torch has no answer in the wider dtype
            return []

    def _wide_gradients(self, places: list[int]) -> list[torch.Tensor]:
        found = self._their_gradients(*self._wide())
        return [found[i] for i in places]

    def _wide(self):
        return self.sample.torch_call(self.theirs, wide=True)

    def _is_random(self) -> bool:
        """Does torch return other values from another seed?"""
        for seed in range(8):
            torch.manual_seed(seed)
            again = leaves(self.sample.torch_call(self.theirs)[0])
            if not all(map(_identical, again, leaves(self.result))):
                return True
        return False

    def _tied(self, ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
        """Do all indices point to the same values as torch's?"""
        data = self.sample.tensors()[0].detach()
        for a, b in zip(ours, theirs, strict=True):
            chosen = b.dtype == torch.int64 and any(
                _same_elements(data, a, b, dim) for dim in range(data.ndim)
            )
            if not chosen and not _identical(a, b):
                return False
        return True

    def _same_when_processed(self) -> bool:
        """Equal after what torch's tests do before gradients, such as abs() of a free sign."""
        processed, plain = self._processed(self.our_result)[1], self.sample.process(self.result)
        if plain is self.result:
            return False
        theirs = leaves(plain)
        try:
            self._values(
                [t.detach() for t in processed],
                theirs,
                lambda: leaves(self.sample.process(self._wide()[0])),
            )
        except (Mismatch, ValueError):
            return False
        return True

    def _changed_arguments(self) -> None:
        for i, (before, after, ours) in enumerate(
            zip(self.sample.tensors(), self.inputs, self.our_inputs, strict=True)
        ):
            if not _identical(after.detach(), before.detach()):
                self._values(
                    leaves(ours),
                    [after.detach()],
                    lambda i=i: [self._wide()[1][i].detach()],
                    [f" in argument {i}, changed"],
                )

    def _processed(self, our_result):
        """torch's copies of our raw results, and what processing makes of them."""
        raw: list[torch.Tensor] = []
        copies = iter(leaves(our_result))

        def copy(like: torch.Tensor) -> torch.Tensor:
            raw.append(next(copies).requires_grad_(like.requires_grad))
            return raw[-1]

        return raw, tensors(self.sample.process(_rebuilt(self.result, copy)))

    def _our_gradients(self):
        raw, processed = self._processed(self.our_result)
        outputs = [t for t in processed if t.requires_grad]
        roots = [t for t in raw if t.requires_grad]
        seeds = torch.autograd.grad(outputs, roots, cotangents(outputs), allow_unused=True)
        ours = [t for t, r in zip(_tensors(self.our_result), raw, strict=True) if r.requires_grad]
        inputs = [t for t in self.our_inputs if t.requires_grad]
        used = [
            (t, to_lucid(g, {}))
            for t, g in zip(ours, seeds, strict=True)
            if g is not None and t.requires_grad
        ]
        if not used:
            return [None] * len(inputs)
        return lucid.autograd.grad(
            [t for t, _ in used], inputs, [g for _, g in used], allow_unused=True
        )

    def _their_gradients(self, result, inputs):
        outputs = [t for t in tensors(self.sample.process(result)) if t.requires_grad]
        wanted = [t for t in inputs if t.requires_grad]
        return torch.autograd.grad(
            outputs, wanted, cotangents(outputs), allow_unused=True, retain_graph=True
        )


def _identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num())


def _same_elements(data: torch.Tensor, a: torch.Tensor, b: torch.Tensor, dim: int) -> bool:
    """Do the indices a and b along `dim` select equal elements, a none of them twice?"""
    if a.ndim < data.ndim:  # of a reduction
        a, b = a.unsqueeze(dim), b.unsqueeze(dim)
    if any(m > n for i, (m, n) in enumerate(zip(a.shape, data.shape, strict=True)) if i != dim):
        return False
    if a.max() >= data.shape[dim] or a.min() < 0 or b.max() >= data.shape[dim]:
        return False
    once = a.sort(dim).values.diff(dim=dim).all().item()
    return bool(once) and _identical(data.gather(dim, a), data.gather(dim, b))


def must_raise(ours: Callable, call: Sample, message: str) -> None:
    """The call raises in lucid too; `message` is what torch says."""
    try:
        returned, inputs = call.lucid_call(ours)
        leaves([returned, *inputs])  # computes
    except Unsupported:
        raise
    except Exception:
        return
    raise Mismatch("no error", f"torch raises: {message.split('. ')[0]}")


def _tensors(value) -> list:
    """The tensors of a result in order, repeated ones too."""
    if isinstance(value, list | tuple):
        return [t for v in value for t in _tensors(v)]
    return [value] if isinstance(value, lucid.Tensor | torch.Tensor) else []


def _rebuilt(value, function: Callable):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        parts = [_rebuilt(v, function) for v in value]
        named = hasattr(value, "_fields")
        return type(value)(*parts) if named else type(value)(parts)
    return value


def cotangents(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """One fixed pseudo-random cotangent per output, in float32 rounded to its dtype."""
    seeds = torch.Generator().manual_seed(20)
    found = []
    for y in outputs:
        dtype = torch.complex64 if y.dtype.is_complex else torch.float32
        found.append(torch.randn(y.shape, dtype=dtype, generator=seeds).to(y.dtype))
    return found
