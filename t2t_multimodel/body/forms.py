"""The body that hparams ask for: the paper's, or the pre-normalized one that learns faster."""

from __future__ import annotations

from typing import Any

import keras

from t2t_multimodel.body.paper.decoder import Decoder
from t2t_multimodel.body.paper.encoder import Encoder
from t2t_multimodel.body.paper.mixer import Mixer
from t2t_multimodel.body.plus.stack import PlusDecoder, PlusEncoder, PlusMixer
from t2t_multimodel.errors import HParamsError


def make_body(hparams) -> tuple[keras.layers.Layer, keras.layers.Layer, keras.layers.Layer]:
    """Encoder, mixer and decoder of `hparams.body.form`.

    Raises:
        HParamsError: the form is unknown.
    """
    forms = {"paper": _paper_body, "plus": _plus_body}
    if hparams.body.form not in forms:
        raise HParamsError(f"body.form={hparams.body.form!r} is unknown; give {' or '.join(forms)}")
    return forms[hparams.body.form](hparams, _mixture(hparams.mixture))


def _paper_body(hparams, mixture):
    body, regularization = hparams.body, hparams.regularization
    conv = {
        "kernel_sizes": body.kernel_sizes,
        "dilations": body.dilations,
        "second_skip": body.second_skip,
        "branch_scale": body.branch_scale,
        "recompute": body.recompute,
        "dropout": regularization.dropout,
    }
    attention = {
        "conv_blocks": body.attention_conv_blocks,
        "attention_dropout": regularization.attention_dropout,
        "uniform_attention": body.attention == "uniform",
    }
    depth, heads = body.depth, body.num_heads
    return (
        Encoder(depth, body.encoder_blocks, conv=conv, mixture=mixture, timing=body.encoder_timing, name="encoder"),
        Mixer(depth, heads, body.mixer_blocks, conv=conv, attention=attention, name="mixer"),
        Decoder(depth, heads, body.decoder_blocks, conv=conv, attention=attention, mixture=mixture, name="decoder"),
    )


def _plus_body(hparams, mixture):
    body, regularization = hparams.body, hparams.regularization
    block = {
        "num_heads": body.num_heads,
        "hidden": body.feed_forward,
        "kernel_size": body.feed_forward_kernel,
        "dropout": regularization.dropout,
        "attention_dropout": regularization.attention_dropout,
        "uniform_attention": body.attention == "uniform",
    }
    causal = {**block, "causal": True, "attends_source": True}
    encoder = PlusEncoder(
        body.depth,
        body.encoder_blocks,
        block=block,
        mixture=mixture,
        timing=body.encoder_timing,
        final_norm=True,
        name="encoder",
    )
    mixer = PlusMixer(body.depth, body.mixer_blocks, block=causal, timing=True, name="mixer")
    decoder = PlusDecoder(
        body.depth, body.decoder_blocks, block=causal, mixture=mixture, final_norm=True, name="decoder"
    )
    return encoder, mixer, decoder


def _mixture(mixture) -> dict[str, Any] | None:
    if not mixture.num_experts:
        return None
    return {
        "num_experts": mixture.num_experts,
        "hidden": mixture.hidden,
        "k": mixture.k,
        "loss_coefficient": mixture.loss_coefficient,
        "capacity_factor": mixture.capacity_factor or None,
    }
