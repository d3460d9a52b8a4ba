import pytest

from t2t_multimodel import registry
from t2t_multimodel.errors import HParamsError, UnknownNameError
from t2t_multimodel.hparams.base import HParams


def test_every_set_survives_json():
    for name in registry.hparams_names():
        hparams = registry.hparams(name)
        assert HParams.from_json(hparams.to_json()) == hparams


def test_override_parses_by_the_type_of_the_default():
    hparams = HParams().override(
        "body.depth=64,kernel_sizes=3:5:7:9,regularization.dropout=0.25,mixing.scheme=adaptive,modalities.spec_augment=false"
    )
    assert hparams.body.depth == 64
    assert hparams.body.kernel_sizes == (3, 5, 7, 9)
    assert hparams.regularization.dropout == 0.25
    assert hparams.mixing.scheme == "adaptive"
    assert hparams.modalities.spec_augment is False


def test_override_leaves_the_original_alone():
    hparams = HParams()
    hparams.override("body.depth=64")
    assert hparams.body.depth == 512


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("body.dept=3", "did you mean 'body.depth'"),
        ("batch_token=5", "did you mean 'batching.batch_tokens'"),
        ("body.depth=wide", "is not an int"),
        ("body.depth", "has no value"),
        ("spec_augment=perhaps", "is not true or false"),
    ],
)
def test_bad_overrides_name_the_cure(text, message):
    with pytest.raises(HParamsError, match=message):
        HParams().override(text)


def test_issue_defaults_of_the_base_set():
    base = registry.hparams("multimodel_base")
    assert (base.body.depth, base.body.num_heads) == (512, 8)
    assert (base.mixture.num_experts, base.mixture.hidden, base.mixture.k) == (30, 1024, 4)
    assert base.regularization.dropout == 0.1
    assert base.batching.batch_tokens == 2048
    assert (base.optimizer.schedule, base.optimizer.warmup_steps) == ("noam", 4000)
    assert registry.hparams("multimodel_paper").mixture.num_experts == 240
    assert registry.hparams("multimodel_paper_single").mixture.num_experts == 60
    assert registry.hparams("multimodel_1p8").mixture.num_experts == 120


def test_the_class_exit_of_the_papers_set_is_1536_and_2048_filters_wide():
    for name in ("multimodel_paper", "multimodel_paper_single"):
        hparams = registry.hparams(name)
        widths = [width * hparams.body.depth for width in hparams.modalities.class_exit_widths]
        assert widths == [1024, 1280, 1536, 2048]
    assert registry.hparams("multimodel_1p8").modalities.class_exit_widths == (1.0, 1.25, 2.0, 2.5)


def test_unknown_set_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="multimodel_base"):
        registry.hparams("multimodel_bas")
