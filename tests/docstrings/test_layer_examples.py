"""The Example of every public docstring of layers, kernels, mesh and body runs."""

import importlib
import inspect
import pkgutil
import re
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

PACKAGES = ("t2t_multimodel.kernels", "t2t_multimodel.mesh", "t2t_multimodel.layers", "t2t_multimodel.body")
# They need no Example: parts of what others show, or a name says all.
WITHOUT = {
    "ExplicitMaskLayer",
    "BlockForm",
    "StepWeights",
    "TimeGrid",
    "FusedConvStep",
    "Normalized",
    "Ranks",
    "Routing",
    "route",
    "as_stream",
    "draw",
    "apply_mask",
    "mask_rows",
    "reshape_like",
    "effective_rate",
    "smoothing_constants",
    "check_padding",
    "conv_cache",
    "strided_size",
    "with_cache",
    "make_body",
    "check_mesh_shape",
    "find_devices",
    "make_mesh",
    "mesh_in_scope",
}


def public():
    """(module, object) of every public function and class."""
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        for info in pkgutil.walk_packages(path, package + "."):
            module = importlib.import_module(info.name)
            for name, thing in vars(module).items():
                is_defined = getattr(thing, "__module__", None) == info.name and inspect.getdoc(thing)
                if is_defined and not name.startswith("_") and (inspect.isclass(thing) or inspect.isfunction(thing)):
                    yield pytest.param(module, thing, id=f"{info.name.split('.', 1)[1]}.{name}")


def example_of(thing) -> str | None:
    """The indented block behind ``Example:``."""
    found = re.search(r"^Example:\n((?:\n|    .*\n?)+)", inspect.getdoc(thing), re.MULTILINE)
    return textwrap.dedent(found[1]) if found else None


@pytest.mark.parametrize(("module", "thing"), public())
def test_example_runs(module, thing):
    code = example_of(thing)
    assert (code is None) == (thing.__name__ in WITHOUT), "give an Example, or name it in WITHOUT"
    if code is not None:
        keras.utils.set_random_seed(1)
        scope = {"tf": tf, "np": np, "keras": keras, **vars(module)}
        exec(compile(code, f"example of {thing.__name__}", "exec"), scope)
        check_first(scope)


def check_first(scope):
    """Where an example says that `first` equals `y[:, :1]`, it does."""
    if "first" in scope and "y" in scope:
        np.testing.assert_allclose(scope["first"], scope["y"][:, :1], atol=1e-5)
