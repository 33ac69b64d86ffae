"""Where the Metal shaders lie: `metal/` beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """The folder of the `.metal` files.

    Raises:
        FileNotFoundError: it is in neither place, and the message says where it was looked for.

    >>> folder().name
    'metal'
    """
    places = (_PACKAGE / "metal", _PACKAGE.parent / "metal")
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(str(place) for place in places)
    raise FileNotFoundError(
        f"the Metal shaders were not found; looked in {looked}; reinstall lucid"
    )
