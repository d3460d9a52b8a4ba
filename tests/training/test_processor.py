"""What t2t-trainer says of bfloat16."""

import pytest

from t2t_multimodel.training.cost.processor import bfloat16_notice, cpu_notice, gpu_notice, processor_flags


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"avx512f", "avx512_bf16", "amx_bf16"}, "tiles"),
        ({"avx512f", "avx512_bf16"}, "vector units"),
        ({"avx2"}, "slower than in float32"),
        ((), "not known"),
    ],
)
def test_processors(flags, words):
    assert words in cpu_notice(flags)


@pytest.mark.parametrize(
    ("capabilities", "words"), [([(8, 0), (9, 0)], "tensor cores"), ([(7, 5)], "no units"), ([None], "no units")]
)
def test_gpus(capabilities, words):
    assert words in gpu_notice(capabilities)


def test_flags_are_those_that_linux_tells(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu amx_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert processor_flags(str(path)) == {"fpu", "amx_bf16"}
    assert processor_flags(str(tmp_path / "none")) == frozenset()
    assert bfloat16_notice().startswith("precision bfloat16: ") and "\n" not in bfloat16_notice()
