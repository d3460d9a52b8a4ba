"""The scales of `--scale`: on which problems, with which sets and for how long."""

from __future__ import annotations

from collections.abc import Mapping

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.declare import BUDGETS, TRANSLATIONS, Scale

# Of the body without convolution: kernels of one tap.
_ONE_TAP = "body.kernel_sizes=1:1:1:1,body.dilations=1:1:1:1"
_UNIFORM = "body.attention=uniform"
_NO_EXPERTS = "mixture.num_experts=0"


def _removed(depths: Mapping[str, tuple[int, int]]) -> dict[tuple[str, str], str]:
    """Overrides by block and budget, from the depths at equal parameters and at equal FLOPs."""
    overrides = {"mixture": _NO_EXPERTS, "attention": _UNIFORM, "convolution": _ONE_TAP}
    return {
        (block, budget): f"{overrides[block]},body.depth={depth}"
        for block, found in depths.items()
        for budget, depth in zip(BUDGETS, found)
    }


def _translations(prefix: str) -> dict[str, str]:
    return {role: prefix + role.replace("-", "") for role in TRANSLATIONS}


_MINI = Scale(
    name="mini",
    suite="mini",
    hparams_set="multimodel_mini",
    hparams="warmup_steps=50",
    steps=100,
    tasks={
        "images": "mini_image_class",
        "captions": "mini_caption",
        "speech": "mini_speech",
        "parsing": "mini_parsing",
        **_translations("mini_translate_"),
    },
    sizes=dict.fromkeys(("parsing", "speech", "captions"), (125, 250, 500, 2000, 8000)),
    decode_examples=100,
)
_CORPORA = {
    "images": "image_imagenet",
    "captions": "image_coco_captions",
    "speech": "speech_wsj",
    "parsing": "wsj_parsing",
    **_translations("translate_"),
}
_SMALL = Scale(
    name="small",
    suite="multimodel9",
    hparams_set="multimodel_tiny",
    hparams="schedule=cosine,warmup_steps=50",
    steps=100,
    tasks=_CORPORA,
    sizes={
        "parsing": (500, 1000, 2000, 5000, 14663),
        "speech": (50, 100, 200, 300, 430),
        "captions": (100, 250, 500, 1000, 2830),
    },
    seeds={"1": 1, "2": 1, "4": 1, "affinity": 1},
    decode_examples=100,
)
_PAPER = Scale(
    name="paper",
    suite="multimodel9",
    hparams_set="multimodel_paper",
    steps=250_000,
    tasks=_CORPORA,
    sizes={
        "parsing": (2500, 5000, 10_000, 20_000, 39_832),
        "speech": (2300, 4600, 9300, 18_600, 37_416),
        "captions": (25_000, 50_000, 100_000, 200_000, 414_113),
    },
    decode_examples=0,
)
SCALES = {scale.name: scale for scale in (_MINI, _SMALL, _PAPER)}


def find_scale(name: str) -> Scale:
    """A scale by its name.

    Raises:
        ExperimentError: there is none.
    """
    if name not in SCALES:
        raise ExperimentError(f"there is no scale {name}; give {', '.join(SCALES)}")
    return SCALES[name]
