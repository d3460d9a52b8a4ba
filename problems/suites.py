"""Named sets of problems, for every ``--problem`` flag."""

from __future__ import annotations

from t2t_multimodel.registry import register_suite

# The eight corpora of "One Model To Learn Them All".
_PAPER = (
    "image_imagenet",
    "speech_wsj",
    "image_coco_captions",
    "wsj_parsing",
    "translate_ende",
    "translate_deen",
    "translate_enfr",
    "translate_fren",
)

register_suite("multimodel8", _PAPER)
register_suite("multimodel9", (*_PAPER, "translate_defr"))
