"""One decoded example as TensorBoard shows it: text, picture, sound, attention."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.inspect.heat_map import named_heat_map
from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.report.attention import Attention, pooled
from t2t_multimodel.report.problem_report import ShownExample
from t2t_multimodel.text import trees
from t2t_multimodel.text.bracket_files import parse_tree

_MOST_TOKENS = 40
_MOST_COLUMNS = 80
_CELL = 12


def write_example(name: str, example: ShownExample, *, inputs: bool = True) -> None:
    """Writes an example to the default writer of `tf.summary`.

    Args:
        name: of the example, such as ``"mini_parsing/1"``.
        example: what is shown.
        inputs: also picture and sound of the input, which do not change from one evaluation to the next.
    """
    side = example.inputs
    if inputs and side.png:
        tf.summary.image(f"input/{name}", tf.io.decode_png(side.png)[tf.newaxis])
    if inputs and side.wav:
        waveform, rate = tf.audio.decode_wav(side.wav)
        tf.summary.audio(f"input/{name}", waveform[tf.newaxis], int(rate))
    tf.summary.text(f"examples/{name}", as_markdown(example))
    if example.attention is not None:
        tf.summary.image(f"attention/{name}", draw_attention(example.attention)[np.newaxis])


def as_markdown(example: ShownExample) -> str:
    """Input, output and references; trees are drawn below their brackets."""
    texts = [("output", example.output), *(("reference", text) for text in example.references)]
    parts = [f"**input** ({example.inputs.size})\n\n{_code(example.inputs.text)}"]
    parts += [f"**{title}**\n\n{_code(_tree(text) or text)}" for title, text in texts]
    return "\n\n".join([*parts, f"log-probability of the output {example.log_probability:.3f}"])


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])


def _tree(text: str) -> str:
    """A tree in brackets drawn on several lines; "" for other text."""
    if not text.lstrip().startswith("("):
        return ""
    try:
        return trees.draw(parse_tree(text))
    except BadExampleError:
        return ""


def draw_attention(attention: Attention) -> np.ndarray:
    """Where each output id looks in its source, as an image, uint8 `[height, width, 3]`.

    Over an image there is one small map an id, side by side; else a row an id and a column a source position.
    """
    weights, outputs = attention.weights[:_MOST_TOKENS], attention.outputs[:_MOST_TOKENS]
    grid = attention.grid
    if grid is not None and grid[0] * grid[1] == weights.shape[1]:
        maps = weights.reshape(len(weights), *grid)
        maps = np.pad(maps, [(0, 0), (0, 0), (0, 1)])  # a dark column between two
        names = [name if at == grid[1] // 2 else "" for name in outputs for at in range(grid[1] + 1)]
        return named_heat_map(np.concatenate(maps, axis=1), [""] * grid[0], names, cell=_CELL)
    if attention.sources is not None and len(attention.sources) <= _MOST_COLUMNS:
        return named_heat_map(weights, outputs, attention.sources, cell=_CELL)
    weights = pooled(weights, _MOST_COLUMNS)
    return named_heat_map(weights, outputs, [""] * weights.shape[1], cell=_CELL)
