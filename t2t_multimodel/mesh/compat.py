"""mesh-tensorflow as today's TensorFlow can import and lower it: all that it needs is here."""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from types import ModuleType

import tensorflow as tf


@functools.cache
def mesh_tensorflow() -> ModuleType:
    """The module; its parts that need estimators or a Transformer are not loaded.

    Example:

        mtf = mesh_tensorflow()
        mtf.Dimension("experts", 4)
    """
    from tensorflow.python.framework import ops

    # TensorFlow 2.16 dropped estimators; mesh-tensorflow only derives from these three.
    if "tensorflow.compat.v1.estimator" not in sys.modules:
        estimator = types.ModuleType("tensorflow.compat.v1.estimator")
        for name in ("CheckpointSaverListener", "SessionRunHook", "ModeKeys"):
            setattr(estimator, name, type(name, (), {}))
        sys.modules[estimator.__name__] = tf.compat.v1.estimator = estimator
    # It moved out of this module.
    ops.register_tensor_conversion_function = tf.register_tensor_conversion_function
    # The real package imports all of its models, which need tensorflow-datasets of old.
    folder = importlib.util.find_spec("mesh_tensorflow").submodule_search_locations[0]
    transformer = types.ModuleType("mesh_tensorflow.transformer")
    transformer.__path__ = [f"{folder}/transformer"]
    sys.modules.setdefault(transformer.__name__, transformer)
    return importlib.import_module("mesh_tensorflow")


# The size of a dimension that the graph does not know; tf.reshape takes it as it is.
FREE = -1


@functools.cache
def placement_class() -> type:
    """`PlacementMeshImpl` with dimensions of size `FREE`, whose slices are not split.

    Example:

        impl = placement_class()("batch:1;experts:2", "groups:experts", ["CPU:0", "CPU:1"])
    """
    mesh_tensorflow()
    from mesh_tensorflow.placement_mesh_impl import PlacementMeshImpl

    class FreePlacement(PlacementMeshImpl):
        class LaidOutTensor(PlacementMeshImpl.LaidOutTensor):
            @property
            def slice_shape(self):
                return [FREE if size is None else size for size in self.tensor_list[0].shape.as_list()]

    return FreePlacement
