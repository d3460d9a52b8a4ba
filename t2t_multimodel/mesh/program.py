"""What mesh-tensorflow computes: blocks of tokens go to their experts' devices, through the experts, and back."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from t2t_multimodel.mesh.compat import FREE, mesh_tensorflow, placement_class
from t2t_multimodel.mesh.layout import MeshLayout

# Which dimension is split over which axis of the mesh. A device's tokens are its group [outer, inner].
_SPLIT = "outer:batch;inner:experts;experts:experts"

Slices = list[tf.Tensor]  # one of each device


class ExpertProgram:
    """The experts' networks over a mesh and their gradients: two graphs of mesh-tensorflow, lowered where called.

    Args:
        layout: the mesh.
        w1: of each device, `[its experts, depth, hidden]`.
        w2: of each device, `[its experts, hidden, depth]`.

    Example:

        layout = MeshLayout(1, 2, ("CPU:0", "CPU:0"))
        w1, w2 = [tf.ones([2, 4, 8])] * 2, [tf.ones([2, 8, 4])] * 2  # four experts, two on each device
        run = tf.function(lambda blocks: ExpertProgram(layout, w1, w2).forward([blocks] * 2)[0][0])
        outputs = run(tf.ones([4, 3, 4]))  # of the first device's tokens: [experts, capacity, depth]
    """

    def __init__(self, layout: MeshLayout, w1: Sequence[tf.Tensor], w2: Sequence[tf.Tensor]):
        mtf = mesh_tensorflow()
        self._w1, self._w2 = list(w1), list(w2)
        self._impl = placement_class()(f"batch:{layout.batch};experts:{layout.experts}", _SPLIT, list(layout.devices))
        num_experts = w1[0].shape[0] * layout.experts
        self._outer, self._inner = mtf.Dimension("outer", layout.batch), mtf.Dimension("inner", layout.experts)
        self._whole_inner = mtf.Dimension("whole_inner", layout.experts)
        self._experts = mtf.Dimension("experts", num_experts)
        self._whole_experts = mtf.Dimension("whole_experts", num_experts)
        self._depth, self._hidden = mtf.Dimension("depth", w1[0].shape[1]), mtf.Dimension("hidden", w1[0].shape[2])

    def forward(self, blocks: Slices) -> tuple[Slices, Slices, Slices]:
        """Sends blocks through the experts.

        Args:
            blocks: of each device, its tokens by expert, `[experts, capacity, depth]`.

        Returns:
            Of each device the outputs of its tokens, `[experts, capacity, depth]`; and for `backward`, what its experts
            got and their hidden layer.
        """
        mtf, mesh, w1, w2 = self._begin()
        moved = self._to_experts(self._import_blocks(mesh, blocks))
        inner = [*moved.shape.dims[:-1], self._hidden]
        hidden = mtf.relu(mtf.einsum([moved, w1], inner))
        outputs = self._to_groups(mtf.einsum([hidden, w2], moved.shape))
        outputs, moved, hidden = self._lower(mesh, outputs, moved, hidden)
        return _squeezed(outputs), moved, hidden

    def backward(self, moved: Slices, hidden: Slices, d_outputs: Slices) -> tuple[Slices, Slices, Slices]:
        """The gradients of blocks, `w1` and `w2`, those of weights summed over all devices that hold them.

        Args:
            moved, hidden: of `forward`.
            d_outputs: gradients of its outputs.
        """
        mtf, mesh, w1, w2 = self._begin()
        d_outputs = self._to_experts(self._import_blocks(mesh, d_outputs))
        inner = mtf.Shape([*d_outputs.shape.dims[:-1], self._hidden])
        moved, hidden = self._import(mesh, moved, d_outputs.shape), self._import(mesh, hidden, inner)
        d_hidden = mtf.einsum([d_outputs, w2], inner)
        d_hidden = mtf.cwise(lambda d, h: tf.raw_ops.ReluGrad(gradients=d, features=h), [d_hidden, hidden])
        dw1, dw2 = mtf.einsum([moved, d_hidden], w1.shape), mtf.einsum([hidden, d_outputs], w2.shape)
        d_blocks = self._to_groups(mtf.einsum([d_hidden, w1], d_outputs.shape))
        d_blocks, dw1, dw2 = self._lower(mesh, d_blocks, dw1, dw2)
        return _squeezed(d_blocks), dw1, dw2

    def _begin(self):
        mtf = mesh_tensorflow()
        mesh = mtf.Mesh(mtf.Graph(), "devices")
        w1 = self._import(mesh, self._w1, mtf.Shape([self._experts, self._depth, self._hidden]))
        return mtf, mesh, w1, self._import(mesh, self._w2, mtf.Shape([self._experts, self._hidden, self._depth]))

    def _import(self, mesh, slices: Slices, shape):
        return mesh_tensorflow().import_laid_out_tensor(mesh, self._impl.LaidOutTensor(list(slices)), shape)

    def _import_blocks(self, mesh, blocks: Slices):
        capacity = mesh_tensorflow().Dimension("capacity", blocks[0].shape[1] or FREE)
        dims = [self._outer, self._inner, self._whole_experts, capacity, self._depth]
        blocks = self._impl.slicewise(lambda block: block[tf.newaxis, tf.newaxis], self._impl.LaidOutTensor(blocks))
        return self._import(mesh, blocks.tensor_list, mesh_tensorflow().Shape(dims))

    def _to_experts(self, blocks):
        """The all-to-all: from whole experts of split groups to split experts of whole groups."""
        dims = [self._outer, self._whole_inner, self._experts, *blocks.shape.dims[3:]]
        return mesh_tensorflow().reshape(blocks, mesh_tensorflow().Shape(dims))

    def _to_groups(self, blocks):
        dims = [self._outer, self._inner, self._whole_experts, *blocks.shape.dims[3:]]
        return mesh_tensorflow().reshape(blocks, mesh_tensorflow().Shape(dims))

    def _lower(self, mesh, *results) -> list[Slices]:
        lowering = mesh_tensorflow().Lowering(mesh.graph, {mesh: self._impl})
        return [lowering.tensors[result].to_laid_out_tensor().tensor_list for result in results]


def _squeezed(blocks: Slices) -> Slices:
    """Without the two dimensions of the group, which are of size 1 on each device."""
    results = []
    for mine in blocks:
        with tf.device(mine.device):
            results.append(tf.squeeze(mine, [0, 1]))
    return results
