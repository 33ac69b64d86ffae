"""`Kept`: the dicts in an optimizer whose numbers go on from step to step."""

from __future__ import annotations

from typing import Any


class Kept(dict[str, Any]):
    """The options of a parameter group, or the state of a parameter.

    A class of its own so that `lucid.compile` can see who looks at it: an optimizer's own step
    reads its numbers anew in each call, other code reads them only when it is traced.
    """
