"""Every public class and function of `lucid.nn` shows an example, which the doctests run.

A subclass inherits no docstring here: each says for itself what it does.
"""

import inspect

import pytest

from lucid import nn

PLACES = {
    "nn": nn,
    "functional": nn.functional,
    "init": nn.init,
    "utils": nn.utils,
    "rnn": nn.utils.rnn,
    "Module": nn.Module,
}
WITHOUT = {"extra_repr", "forward", "cpu", "cuda", "half", "float", "double", "type", "to_empty",
           "set_extra_state", "register_state_dict_pre_hook",
           "register_load_state_dict_pre_hook"}  # fmt: skip
INSIDE = {"padded", "repacked"}  # of the recurrent layers


@pytest.mark.parametrize("place", PLACES)
def test_an_example_in_nn(place):
    """In-place variants, `relu_` and the like, refer to their function instead."""
    home = "lucid" if place == "functional" else "lucid.nn"
    documented = {
        name: vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        for name in dir(PLACES[place])
        if not name.startswith("_")
        and callable(value := getattr(PLACES[place], name))
        and getattr(value, "__module__", "").startswith(home)
    }
    assert len(documented) > 5
    lacking = {name for name, doc in documented.items() if ">>>" not in (doc or "")}
    lacking -= {name for name in lacking if f"`{name[:-1]}` in place" in (documented[name] or "")}
    assert lacking <= (WITHOUT if place == "Module" else INSIDE)
