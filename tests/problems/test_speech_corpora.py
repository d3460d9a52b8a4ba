"""Tests of the speech problems: corpora in the official layouts, and small ones written here."""

import io
import pathlib
import tarfile

import numpy as np
import pytest
import soundfile

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, MultiModelError, SourceError
from t2t_multimodel.problems.speech_wsj import normalise_transcript

ALL = {"max_seconds": 1000.0}


def read(name: str, folder: pathlib.Path, split: str, **options):
    lines: list[str] = []
    source = Source(source_dir=folder, options=options, warn=lines.append)
    return list(registry.problem(name).examples(split, source)), source, lines


def sphere_file(seconds: float) -> bytes:
    count = int(16000 * seconds)
    header = f"NIST_1A\n   1024\nsample_count -i {count}\nsample_rate -i 16000\nend_head\n"
    return header.encode().ljust(1024) + np.arange(count, dtype="<i2").tobytes()


def write(folder: pathlib.Path, files: dict[str, bytes | str]) -> pathlib.Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


WSJ = {
    "11-13.1/WSJ0/DOC/INDICES/TRAIN/TR_S_WV1.NDX": ";; WSJ0\n11_1_1:wsj0/si_tr_s/011/011c0201.wv1\n"
    "11_2_1:wsj0/si_tr_s/401/401c0201.wv1\n",
    "11-13.1/WSJ0/DOC/INDICES/TEST/NVP/SI_ET_20.NDX": "11_14_1: wsj0/si_et_20/440/440c0401\n",
    "11-1.1/WSJ0/SI_TR_S/011/011C0201.WV1": sphere_file(0.5),
    "11-2.1/WSJ0/SI_TR_S/401/401C0201.WV1": sphere_file(0.5),
    "11-14.1/WSJ0/SI_ET_20/440/440C0401.WV1": sphere_file(0.5),
    "11-4.1/wsj0/transcrp/dots/si_tr_s/011/011c0200.dot": "Zero [door_slam] words ,COMMA (011c0201)\n",
    "11-14.1/wsj0/transcrp/dots/si_et_20/440/440c0400.dot": "test *words* . (440C0401)\n",
    "13-34.1/wsj1/doc/indices/si_tr_s.ndx": "13_1_1:wsj1/si_tr_s/46a/46ac0201.wv1\n"
    "13_1_1:wsj1/si_tr_s/46a/46ac0202.wv1\n13_1_1:wsj1/si_tr_s/46a/46ac0203.wv1\n13_1_1:wsj1/si_tr_s/46a/46ac0204.wv1\n",
    "13-34.1/wsj1/trans/wsj1/si_tr_s/46a/46ac0200.dot": "IN DOT (46ac0201)\nno sound (46ac0203)\nTHE CUT (46ac0204)\n",
    "13-34.1/wsj1/trans/wsj1/si_tr_s/46a/46ac0200.lsn": "IN LSN (46ac0201)\n",
    "13-1.1/wsj1/si_tr_s/46a/46ac0201.wv1": sphere_file(0.5),
    "13-1.1/wsj1/si_tr_s/46a/46ac0202.wv1": sphere_file(0.5),
    "13-1.1/wsj1/si_tr_s/46a/46ac0204.wv1": sphere_file(0.5)[:-100],
    "13-1.1/wsj1/si_tr_s/46a/46ac0201.wv2": sphere_file(0.5),
}


def test_wsj_corpus_counts_and_samples(corpora_dir):
    train, source, lines = read("speech_wsj", corpora_dir / "speech", "train", **ALL)
    assert len(train) == 435 and not source.dropped and not lines
    texts = {example["meta/id"]: example["targets"] for example in train}
    assert texts["460c0204"] == "LOGIN INCORRECT PLEASE ENTER YOUR AGENT NUMBER FOLLOWED BY THE POUND KEY"
    lengths = {example["meta/id"]: len(example["inputs"]) / 16000 for example in train}
    assert round(lengths["460c0203"], 2) == 5.52 and round(max(lengths.values()), 1) == 73.3
    assert all(np.abs(example["inputs"]).max() <= 1 for example in train)


def test_wsj_length_filter_is_counted(corpora_dir):
    dev, source, lines = read("speech_wsj", corpora_dir / "speech", "dev")
    assert len(dev) == 50 and source.dropped == {"longer than max_seconds": 1} and not lines
    assert read("speech_wsj", corpora_dir / "speech", "test")[0] == []


def test_wsj_equals_librispeech_copy_of_dev(corpora_dir):
    wsj, _, _ = read("speech_wsj", corpora_dir / "speech", "dev", **ALL)
    flac, source, _ = read("speech_librispeech", corpora_dir / "speech", "dev", **ALL)
    assert len(wsj) == len(flac) == 51 and not source.dropped
    for ours, theirs in zip(wsj, flac, strict=True):
        assert ours["targets"] == theirs["targets"]
        np.testing.assert_array_equal(ours["inputs"], theirs["inputs"])


def test_wsj_is_found_from_the_root_of_all_corpora(corpora_dir):
    assert len(read("speech_wsj", corpora_dir, "dev", **ALL)[0]) == 51


@pytest.mark.parametrize("packed", [False, True])
def test_wsj_discs_in_odd_case(tmp_path, packed):
    folder = write(tmp_path / "discs", WSJ)
    if packed:
        (tmp_path / "packed").mkdir()
        with tarfile.open(tmp_path / "packed" / "csr_1.tgz", "w:gz") as archive:
            archive.add(folder, "discs")
        folder = tmp_path / "packed"
    train, source, lines = read("speech_wsj", folder, "train")
    assert {e["meta/id"]: e["targets"] for e in train} == {"011c0201": "ZERO WORDS COMMA", "46ac0201": "IN DOT"}
    assert source.dropped == {
        "no transcript": 1,
        "no audio file": 1,
        "SPHERE file with fewer samples than its header says": 1,
    }
    assert any("46ac0203" in line for line in lines) and any("46ac0202" in line for line in lines)
    test, _, _ = read("speech_wsj", folder, "test")
    assert [(e["meta/id"], e["targets"]) for e in test] == [("440c0401", "TEST WORDS")]


def test_wsj_strict_stops(tmp_path):
    source = Source(source_dir=write(tmp_path, WSJ), strict=True)
    with pytest.raises(BadExampleError, match="46ac020"):
        list(registry.problem("speech_wsj").examples("train", source))


def test_wsj_malformed_lists(tmp_path):
    files = {
        "wsj1/doc/indices/h1_p0.ndx": "no colon\n13_16_1:wsj1/si_dt_20/4k0/4k0c0201.wv1\n",
        "wsj1/trans/4k0c0200.dot": "NO ID\nFINE (4k0c0201)\n",
        "wsj1/si_dt_20/4k0/4k0c0201.wv1": sphere_file(0.3),
    }
    dev, source, lines = read("speech_wsj", write(tmp_path, files), "dev")
    assert [e["targets"] for e in dev] == ["FINE"]
    assert source.dropped == {"malformed index line": 1, "malformed transcript line": 1}
    assert all("line 1" in line for line in lines)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (r"the \<unc\> sound", "THE UNC SOUND"),
        ("a [loud_breath] b [<door_slam] c [door_slam>]", "A B C"),
        ("[phone_ring/] d [/phone_ring] ~ . e", "D E"),
        ("<and> *mis-said* O'NEIL 'CAUSE", "AND MIS-SAID O'NEIL 'CAUSE"),
        (
            "say \"DOUBLE-QUOTE hi .PERIOD ,COMMA 'SINGLE-QUOTE --DASH",
            "SAY DOUBLE-QUOTE HI PERIOD COMMA SINGLE-QUOTE DASH",
        ),
        ("five .POINT two %PERCENT", "FIVE POINT TWO PERCENT"),
    ],
)
def test_transcripts_are_normalised(raw, words):
    assert normalise_transcript(raw) == words


def test_transcript_options():
    assert normalise_transcript("a [cough] ,COMMA", "<NOISE>", "keep") == "A <NOISE> ,COMMA"
    assert normalise_transcript("a ,COMMA b .POINT", punctuation="remove") == "A B POINT"


def test_unknown_punctuation_option(tmp_path):
    with pytest.raises(MultiModelError, match="give word, keep or remove"):
        read("speech_wsj", write(tmp_path, WSJ), "train", punctuation="spoken")


@pytest.mark.parametrize("name", ["speech_wsj", "speech_librispeech", "speech_tsv"])
def test_missing_corpus_names_the_cure(name, tmp_path):
    for folder in (None, tmp_path, tmp_path / "none"):
        with pytest.raises(SourceError, match="--source_dir"):
            list(registry.problem(name).examples("train", Source(source_dir=folder)))


def test_librispeech_unpacked(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(8000), 16000, format="FLAC")
    folder = "LibriSpeech/train-other-500/7/8/7-8"
    files = {
        f"{folder}.trans.txt": "7-8-0000 HELLO\n7-8-0001 CUT\n7-8-0002 LOST\n",
        f"{folder}-0000.flac": buffer.getvalue(),
        f"{folder}-0001.flac": buffer.getvalue()[:60],
        f"{folder}-0009.flac": buffer.getvalue(),
    }
    train, source, _ = read("speech_librispeech", write(tmp_path, files), "train")
    assert [(e["meta/id"], e["targets"], e["inputs"].shape) for e in train] == [("7-8-0000", "HELLO", (8000,))]
    assert source.dropped["no transcript"] == source.dropped["no audio file"] == 1
    assert sum(source.dropped.values()) == 3


def test_prepare_input_reads_sound_by_path(tmp_path):
    path = write(tmp_path, {"a.wv1": sphere_file(0.1)}) / "a.wv1"
    sound = registry.problem("speech_wsj").prepare_input(f"{path}\n")
    assert sound.dtype == np.float32 and sound.shape == (1600,)
