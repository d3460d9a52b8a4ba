"""Images: one encoded image as input."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.inspect.side import Side, SideContext
from t2t_multimodel.data.spec import BatchCosts, Feature, InputSpec, Positions
from t2t_multimodel.registry import register_modality

_PNG = b"\x89PNG\r\n\x1a\n"


@register_modality("image")
@dataclasses.dataclass(frozen=True)
class ImageSpec(InputSpec):
    """One image; `[height, width, 3]` after decoding. Raw value: encoded JPEG or PNG `bytes`.

    Args:
        size: side in pixels to which images are brought unless hparams say otherwise.
        augment: random crop and flip in training.
    """

    size: int = 64
    augment: bool = True

    target_feature = "image/class/label"
    given_by_path = True
    form = "image"

    def record_feature(self) -> Feature:
        return Feature("image/encoded", "bytes", sequence=False)

    def needed(self, value: Any) -> str | None:
        return None if isinstance(value, bytes) and value else "encoded image bytes"

    def read(self, value: Any) -> bytes:
        """Checked, encoded image bytes of a path, encoded bytes, a PIL image, or pixels uint8 `[height, width, 3]`.

        Raises:
            DecodeError: it cannot be read as an image.
        """
        from t2t_multimodel.problems.readers import image

        return image.read_image(value)

    def check_limits(self, value: str | bytes, limits: Any) -> None:
        from t2t_multimodel.problems.readers import image

        image.check_size(value, limits.pixels, limits.pixels_a_byte)

    def encode(self, values: Sequence[bytes], vocabulary: Any, key: str) -> list[dict[str, Any]]:
        del vocabulary
        return [{key: value, "image/format": b"png" if value.startswith(_PNG) else b"jpeg"} for value in values]

    def raw_value(self, stored: Any, vocabulary: Any) -> bytes:
        del vocabulary
        return stored[0]

    def show(self, stored: Any, context: SideContext) -> Side:
        """The stored image as PNG, and what it was."""
        from PIL import Image

        encoded, size = (stored[0] if len(stored) else b""), self.side_pixels(context.modalities)
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                kind, measures = image.format, f"{image.width} x {image.height}"
                buffer = io.BytesIO()
                image.convert("RGB").save(buffer, "PNG")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            return Side(f"{len(encoded):,} bytes", f"damaged image: {error}")
        text = f"{kind}, {len(encoded):,} bytes; the model sees {size} x {size}"
        return Side(f"{measures} pixels", text, png=buffer.getvalue())

    def side_pixels(self, modalities: Any) -> int:
        """Side in pixels of the images that the net sees."""
        return modalities.image_size or self.size

    def make_net(self, hparams: Any, vocab_size: int):
        from t2t_multimodel.modalities.image.net import ImageModality

        del vocab_size
        return ImageModality(hparams.body.depth, filters=hparams.modalities.image_entry_filters, name=self.key)

    def parse_input(self, stored, modalities: Any, seed=None) -> dict[str, Any]:
        from t2t_multimodel.modalities.image.pixels import decode_images

        return {"inputs": decode_images(stored, self.side_pixels(modalities), seed if self.augment else None)}

    def input_signature(self, modalities: Any) -> dict[str, Any]:
        import tensorflow as tf

        size = self.side_pixels(modalities)
        return {"inputs": tf.TensorSpec([None, size, size, 3], tf.float32)}

    def raw_signature(self) -> dict[str, Any]:
        import tensorflow as tf

        return {"image": tf.TensorSpec([None], tf.string, "image")}

    def raw_to_stored(self, raw: Mapping[str, Any], modalities: Any, vocabulary: Any):
        """The bytes of image files themselves; what `tf.io.decode_image` cannot read is an error."""
        del modalities, vocabulary
        return raw["image"]

    def raw_meaning(self, modalities: Any) -> dict[str, str]:
        size = self.side_pixels(modalities)
        return {"image": f"bytes of a JPEG, PNG, GIF or BMP file; the model sees {size} x {size} pixels"}

    def raw_batch(self, values: Sequence[bytes]) -> dict[str, np.ndarray]:
        return {"image": np.array(values, object)}

    def raw_example(self) -> bytes:
        from t2t_multimodel.problems.readers import image

        return image.encode_png(np.full([8, 8, 3], 128, np.uint8))

    def batch_costs(self, index: Any, batching: Any, modalities: Any, *, training: bool) -> BatchCosts:
        del modalities, training
        lengths = np.ones_like(index.target_length)
        return BatchCosts(
            lengths, batching.image_batch, [1], sort_key=index.target_length, setting="batching.image_batch"
        )

    def static_lengths(self, bound: int, modalities: Any) -> tuple[int | None, int | None]:
        del bound, modalities
        return None, None

    def model_lengths(self, lengths: np.ndarray) -> None:
        return None

    def embed(self, net, features: Mapping[str, Any], training: bool = False, seed: Any = None) -> Positions:
        import tensorflow as tf

        del training, seed
        x = net(features["inputs"])  # [batch, height, width, depth]
        shape = tf.shape(x)
        return Positions(tf.reshape(x, [shape[0], shape[1] * shape[2], x.shape[-1]]), None, (shape[1], shape[2]))

    def bucket_text(self, bound: int) -> str:
        del bound
        return "images"
