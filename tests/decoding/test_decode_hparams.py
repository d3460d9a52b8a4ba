"""Options of a search: Tensor2Tensor's names, types and ranges."""

import pytest

from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.errors import MultiModelError


def test_names_and_types_are_read():
    text = "beam_size=4, alpha=1,return_beams=True,write_beam_scores=false,extra_length=5,constrained=0,batch_size=3"
    assert DecodeHParams.parse(text) == DecodeHParams(3, 5, 4, 1.0, True, False, constrained=False)
    sampling = "sampling_method=random,sampling_temp=0.5,sampling_keep_top_k=10,sampling_top_p=0.9,sampling_seed=7"
    read = DecodeHParams.parse(sampling)
    assert read.samples
    assert (read.sampling_temp, read.sampling_keep_top_k, read.sampling_top_p, read.sampling_seed) == (0.5, 10, 0.9, 7)
    assert DecodeHParams.parse("") == DecodeHParams() and DecodeHParams().beam_size == 1
    assert not DecodeHParams.parse("sampling_method=random,sampling_temp=0").samples


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beam_sise=4", "beam_size"),
        ("beam_size=0", "give 1 or more"),
        ("beam_size=2.5", "not a positive integer"),
        ("batch_size", "not a positive integer"),
        ("alpha=much", "no number"),
        ("alpha=-1", "out of range"),
        ("alpha=nan", "out of range"),
        ("return_beams=2", "give true or false"),
        ("sampling_method=beam", "give argmax or random"),
        ("sampling_temp=-0.1", "out of range"),
        ("sampling_keep_top_k=0", "-1 for all"),
        ("sampling_keep_top_k=1.5", "no number"),
        ("sampling_top_p=0", "out of range"),
        ("sampling_top_p=1.1", "out of range"),
        ("sampling_seed=-1", "out of range"),
        ("sampling_method=random,beam_size=4", "give beam_size=1"),
        ("compile=yes", "give none or xla"),
        ("compile=xla,beam_size=4", "give beam_size=1"),
        ("precision=half", "give float32 or bfloat16"),
        ("compile=xla,precision=bfloat16", "give precision=float32"),
    ],
)
def test_what_does_not_fit_is_one_line(text, message):
    with pytest.raises(MultiModelError, match=message) as raised:
        DecodeHParams.parse(text)
    assert "\n" not in str(raised.value) and ";" in str(raised.value)


def test_a_trace_does_not_depend_on_what_is_not_traced():
    one, other = DecodeHParams(8, 5, 4, sampling_seed=3, constrained=False), DecodeHParams(2, 9, 4)
    assert one.of_trace() == other.of_trace() != DecodeHParams(8, 5, 5).of_trace()
    assert DecodeHParams(alpha=0.3).of_trace() == DecodeHParams().of_trace()
