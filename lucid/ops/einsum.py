"""Einstein summation, as a chain of matrix products."""

from __future__ import annotations

from typing import Any

from lucid.ops.autocast import autocasts
from lucid.ops.index import getitem
from lucid.ops.linalg.product import matmul
from lucid.ops.reduce import sum
from lucid.ops.shape import permute, reshape


@autocasts
def einsum(equation: Any, *operands: Any) -> Any:
    """The sum of products that `equation` describes, e.g. "nct,oc->not".

    A letter that the output lacks is summed over; a letter twice in one term takes the diagonal;
    "..." stands for dimensions that broadcast. Without "->" the output has the letters that
    occur once, in alphabetical order.

    Dimensions may also be numbered, in a list after each operand and one for the output:
    `einsum(x, [0, 1], y, [1, 2], [0, 2])`.

    Raises:
        ValueError: an equation that does not fit the operands.

    >>> import lucid
    >>> lucid.einsum("ij,jk->ik", lucid.ones(2, 3), lucid.ones(3, 4)).shape
    (2, 4)
    """
    if not isinstance(equation, str):
        equation, operands = _written((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    terms, output = _parse(equation, operands)
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            if sizes.get(letter, 1) not in (1, n) and n != 1:
                raise ValueError(
                    f"einsum {equation!r}: {_name(letter)} is {sizes[letter]} in one operand and "
                    f"{n} in another"
                )
            sizes[letter] = n if letter not in sizes or n != 1 else sizes[letter]
    x, term = _diagonal(operands[0], terms[0])
    for i in range(1, len(operands)):
        later = set(output).union(*terms[i + 1 :])
        x, term = _product((x, term), _diagonal(operands[i], terms[i]), later)
    x, term = _summed(x, term, set(output))
    return permute(x, [term.index(c) for c in output]) if term != output else x


def _written(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation and the operands of a call with numbered dimensions."""
    operands, lists = arguments[:-1:2], arguments[1::2]

    def term(numbers: Any) -> str:
        if not isinstance(numbers, tuple | list) or not all(
            n is ... or (isinstance(n, int) and 0 <= n < 52) for n in numbers
        ):
            raise ValueError(
                "einsum: expects an equation, or after each operand a list of dimensions numbered "
                f"from 0 to 51, got {numbers!r:.60}"
            )
        return "".join("..." if n is ... else (_UPPER + _UPPER.lower())[n] for n in numbers)

    equation = ",".join(term(numbers) for numbers in lists[: len(operands)])
    if len(arguments) % 2:
        equation += "->" + term(arguments[-1])
    return equation, operands


_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _name(letter: str) -> str:
    return f"dimension {letter!r}" if letter.isalpha() else 'a dimension of "..."'


def _parse(equation: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """One string of letters per operand, and that of the output; "..." becomes digits."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            f"einsum {equation!r} describes {len(terms)} operands, got {len(operands)}"
        )
    hidden = 0  # how many dimensions "..." stands for, at most
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        letters = term.replace("...", "", 1)
        if any(not c.isalpha() for c in letters):
            raise ValueError(f'einsum {equation!r}: terms have letters and one "...", got {term!r}')
        more = x.ndim - len(letters)
        if more < 0 or (more and "..." not in term):
            raise ValueError(
                f"einsum {equation!r}: {term!r} needs {len(letters)} dimensions, "
                f"operand {i} has shape {x.shape}"
            )
        hidden = max(hidden, more)
        # aligned at the right, as broadcasting is
        terms[i] = term.replace("...", "".join(chr(0xE000 + more - k) for k in range(more)))
    dots = "".join(chr(0xE000 + hidden - k) for k in range(hidden))
    used = "".join(terms)
    if arrow:
        output = right.replace("...", dots, 1)
    else:
        output = dots + "".join(sorted(c for c in set(used) if c.isalpha() and used.count(c) == 1))
    if len(set(output)) != len(output) or not set(output) <= set(used):
        raise ValueError(
            f"einsum {equation!r}: each letter of the output must occur once there, and in some "
            "operand"
        )
    return terms, output


def _diagonal(x: Any, term: str) -> tuple[Any, str]:
    """A letter that occurs twice becomes one dimension: the diagonal."""
    for letter in dict.fromkeys(term):
        places = [i for i, c in enumerate(term) if c == letter]
        if len(places) == 1:
            continue
        rest = [i for i in range(len(term)) if i not in places]
        x = permute(x, [*places, *rest])
        if len({x.shape[i] for i in range(len(places))}) > 1:
            raise ValueError(f"einsum takes the diagonal of {term!r}, which is not square")
        x = getitem(x, (list(range(x.shape[0])),) * len(places))
        term = letter + "".join(term[i] for i in rest)
    return x, term


def _summed(x: Any, term: str, kept: set[str]) -> tuple[Any, str]:
    """The letters that nobody needs any more, summed away."""
    gone = tuple(i for i, c in enumerate(term) if c not in kept)
    return (sum(x, gone), "".join(c for c in term if c in kept)) if gone else (x, term)


def _product(a: tuple[Any, str], b: tuple[Any, str], later: set[str]) -> tuple[Any, str]:
    """Two operands as one (batched) matrix product, summing the letters not needed later."""
    (x, xs), (y, ys) = a, b
    # a size of 1 against another broadcasts: as if its letter were missing
    x, xs = _broadcast_free(x, xs, y, ys)
    y, ys = _broadcast_free(y, ys, x, xs)
    x, xs = _summed(x, xs, later | set(ys))
    y, ys = _summed(y, ys, later | set(xs))
    batch = [c for c in xs if c in ys and c in later]
    inner = [c for c in xs if c in ys and c not in later]
    rows, columns = [c for c in xs if c not in ys], [c for c in ys if c not in xs]
    size = {**dict(zip(xs, x.shape, strict=True)), **dict(zip(ys, y.shape, strict=True))}

    def matrix(z: Any, term: str, *groups: list[str]) -> Any:
        z = permute(z, [term.index(c) for g in groups for c in g])
        return reshape(z, [*(size[c] for c in groups[0]), *(_count(size, g) for g in groups[1:])])

    z = matmul(matrix(x, xs, batch, rows, inner), matrix(y, ys, batch, inner, columns))
    letters = [*batch, *rows, *columns]
    return reshape(z, [size[c] for c in letters]), "".join(letters)


def _broadcast_free(x: Any, xs: str, y: Any, ys: str) -> tuple[Any, str]:
    gone = [
        i for i, c in enumerate(xs) if x.shape[i] == 1 and c in ys and y.shape[ys.index(c)] != 1
    ]
    if not gone:
        return x, xs
    kept = [i for i in range(len(xs)) if i not in gone]
    return reshape(x, [x.shape[i] for i in kept]), "".join(xs[i] for i in kept)


def _count(size: dict[str, int], letters: list[str]) -> int:
    n = 1
    for c in letters:
        n *= size[c]
    return n
