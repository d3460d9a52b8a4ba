"""The registered hparams sets of MultiModel."""

from __future__ import annotations

from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.registry import register_hparams


@register_hparams("multimodel_base")
def multimodel_base() -> HParams:
    """Depth 512, 8 heads, 30 experts of width 1024, k = 4: the paper's body at a size one machine trains.

    About 105M parameters with an 8k vocabulary.
    """
    return HParams()


@register_hparams("multimodel_tiny")
def multimodel_tiny() -> HParams:
    """Depth 128, 4 heads, 4 experts, 10 convolutional blocks: for tries on real corpora with a CPU.

    It has fewer blocks than the base set's 22, and their branches start at a tenth of the residual stream. On small
    budgets the faithful body learns sooner with either (docs/performance.md).
    """
    return HParams().override(
        body__depth=128,
        body__num_heads=4,
        body__encoder_blocks=4,
        body__mixer_blocks=1,
        body__decoder_blocks=2,
        body__attention_conv_blocks=1,
        body__branch_scale=0.1,
        mixture__num_experts=4,
        mixture__hidden=256,
        mixture__k=2,
        modalities__image_size=32,
        modalities__image_entry_filters=(16, 32, 64, 96),
        modalities__audio_filters=8,
        modalities__audio_blocks=5,
        modalities__audio_strided_blocks=5,
        modalities__audio_frequency="merge",
        modalities__audio_bands=40,
        optimizer__schedule="rsqrt",
        optimizer__learning_rate=3e-3,
        optimizer__warmup_steps=60,
        optimizer__beta1=0.9,
        optimizer__beta2=0.98,
        batching__image_batch=32,
        batching__audio_batch_seconds=60.0,
        batching__max_length=128,
    )


@register_hparams("multimodel_mini")
def multimodel_mini() -> HParams:
    """Trains the mini suite on two CPU cores in minutes: the paper's parts, fewer of each.

    `t2t-trainer --problem=mini --hparams_set=multimodel_mini --train_steps=2000` takes 5 to 8 minutes on two cores of a
    shared machine. In runs of two versions it reached, on the dev split, 98.8% and 99.5% top-1 (mini_image_class) and
    token accuracies of 77.2% and 83.6% (mini_caption), 87.4% and 97.1% (mini_speech), and 99.5% or more in parsing and
    the five translations. `multimodel_mini_plus` was ahead in the same time.
    """
    return multimodel_tiny().override(
        body__depth=96,
        optimizer__schedule="cosine",
        optimizer__learning_rate=2e-3,
        optimizer__warmup_steps=200,
        body__encoder_blocks=2,
        body__branch_scale=1.0,
        mixture__hidden=192,
        regularization__dropout=0.0,
        mixing__scheme="adaptive",
        batching__batch_tokens=1024,
        batching__bucket_growth=1.4,
        batching__image_batch=48,
        batching__audio_batch_seconds=32.0,
        modalities__image_entry_filters=(32, 64, 96, 128),
        modalities__audio_bands=32,
        modalities__audio_window_ms=32.0,
        modalities__audio_hop_ms=16.0,
        modalities__audio_blocks=4,
        modalities__audio_strided_blocks=3,
    )


@register_hparams("multimodel_plus")
def multimodel_plus() -> HParams:
    """Pre-normalised blocks, tied embeddings and Muon: learns faster than the faithful sets on small machines.

    The rate is that of the `rsqrt` schedule. With `cosine` give a third of it: 975 steps of De-En on small corpora
    ended at 3.49 nats with 0.006 and at 2.67 with 0.002.
    """
    return multimodel_tiny().override(
        body__form="plus",
        body__depth=192,
        body__encoder_blocks=3,
        body__mixer_blocks=1,
        body__decoder_blocks=2,
        body__feed_forward=768,
        mixture__hidden=384,
        modalities__tied_softmax=True,
        optimizer__name="muon",
        optimizer__schedule="rsqrt",
        optimizer__learning_rate=6e-3,
        optimizer__warmup_steps=60,
        optimizer__clip_norm=1.0,
    )


@register_hparams("multimodel_mini_plus")
def multimodel_mini_plus() -> HParams:
    """The mini suite's set with the body and the optimizer of `multimodel_plus`; README's first command trains it.

    2000 steps took 8 minutes on two cores beside other work, and reached on the dev split 100% top-1
    (mini_image_class) and token accuracies of 84.6% (mini_caption), 95.0% (mini_speech), 100% (mini_parsing) and 99.8%
    or more (the five translations).
    """
    return multimodel_mini().override(
        body__form="plus",
        body__feed_forward=384,
        modalities__tied_softmax=True,
        optimizer__name="muon",
        optimizer__learning_rate=2e-3,
        optimizer__warmup_steps=60,
        optimizer__clip_norm=1.0,
    )


@register_hparams("multimodel_paper")
def multimodel_paper() -> HParams:
    """The paper's joint model: depth 1024, 240 experts, dropout 0.4 at the end of each block.

    The last two ConvSteps of the class exit have 1536 and 2048 filters.
    """
    return HParams().override(
        body__depth=1024,
        mixture__num_experts=240,
        mixture__hidden=2048,
        modalities__image_size=224,
        modalities__class_exit_widths=(1.0, 1.25, 1.5, 2.0),
        regularization__dropout=0.4,
    )


@register_hparams("multimodel_paper_single")
def multimodel_paper_single() -> HParams:
    """The paper's single-task model: as multimodel_paper with 60 experts."""
    return multimodel_paper().override(mixture__num_experts=60)


@register_hparams("multimodel_1p8")
def multimodel_1p8() -> HParams:
    """The authors' 2017 set for eight problems: depth 1536, 120 experts, 1024 tokens a batch, rate 0.05.

    The loss counts 0.7 times for ImageNet and 2 times for speech, as in Tensor2Tensor 1.0.3.
    """
    return HParams().override(
        body__depth=1536,
        mixture__num_experts=120,
        mixture__hidden=3072,
        modalities__image_size=299,
        optimizer__learning_rate=0.05,
        optimizer__clip_norm=2.0,
        batching__batch_tokens=1024,
        mixing__loss_weights="image_imagenet:0.7|speech_wsj:2.0|speech_librispeech:2.0",
    )
