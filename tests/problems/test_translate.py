"""Reading WMT's files as they are distributed."""

import gzip
import io
import random
import shutil
import sys
import tarfile
import types

import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, SourceError

ENGLISH = "In the beginning God created the heavens and the earth."
GERMAN = "Im Anfang schuf Gott die Himmel und die Erde."
FRENCH = "Au commencement Dieu créa les cieux et la terre."


def read(folder, name="translate_deen", split="train", strict=False, **options):
    problem = registry.problem(name)
    warnings = []
    source = Source(source_dir=folder, options={**problem.options, **options}, warn=warnings.append, strict=strict)
    pairs = [(example["inputs"], example["targets"]) for example in problem.examples(split, source)]
    return pairs, warnings, dict(source.dropped)


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def write_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def sgm(segments, docid="doc"):
    lines = "".join(f'<seg id="{number}">{text}</seg>\n' for number, text in segments.items())
    return f'<refset setid="s" srclang="any">\n<doc docid="{docid}" sysid="ref">\n<p>\n{lines}</p>\n</doc>\n</refset>\n'


@pytest.mark.parametrize(
    ("name", "first", "command"),
    [
        ("translate_ende", (ENGLISH, GERMAN), "to_german"),
        ("translate_deen", (GERMAN, ENGLISH), "to_english"),
        ("translate_enfr", (ENGLISH, FRENCH), "to_french"),
        ("translate_fren", (FRENCH, ENGLISH), "to_english"),
        ("translate_defr", (GERMAN, FRENCH), "to_french"),
    ],
)
def test_corpus_is_read_whole(corpora_dir, name, first, command):
    for folder in (corpora_dir, corpora_dir / "translation"):
        train, warnings, dropped = read(folder, name)
        assert (len(train), train[0], warnings, dropped) == (19596, first, [], {})
        dev, warnings, dropped = read(folder, name, "dev")
        assert (len(dev), warnings, dropped) == (1200, [], {})
        assert not set(dev[:20]) & set(train)
        assert read(folder, name, "test") == ([], [], {})
    assert registry.problem(name).command == command


def test_dev_is_the_same_from_the_archive(corpora_dir, tmp_path):
    shutil.copy(corpora_dir / "translation/dev.tgz", tmp_path)
    assert read(tmp_path, split="dev") == read(corpora_dir / "translation", split="dev")


def test_text_that_is_packed_and_unpacked_is_read_once(corpora_dir, tmp_path):
    archive = corpora_dir / "translation/training-parallel-europarl-v7.tgz"
    shutil.copy(archive, tmp_path)
    with tarfile.open(archive) as opened:
        for language in ("de", "en"):
            data = opened.extractfile(f"training/europarl-v7.de-en.{language}").read()
            write(tmp_path, {f"training/europarl-v7.de-en.{language}": data.decode()})
    pairs, warnings, _ = read(tmp_path)
    assert (len(pairs), warnings) == (19596, [])
    write(tmp_path, {"training/europarl-v7.de-en.de": "Eins\n", "training/europarl-v7.de-en.en": "One\n"})
    pairs, warnings, _ = read(tmp_path)
    assert pairs == [("Eins", "One")]
    assert len(warnings) == 2
    assert "differ in size" in warnings[0]


def test_training_files_are_found_by_name(tmp_path):
    files = {
        "a/europarl-v7.de-en": ("a", "1"),
        "news-commentary-v9.en-de": ("b", "2"),
        "train": ("c", "3"),
        "training/commoncrawl.de-en": ("d", "4"),
        "un.release.ende": ("e", "5"),
        "europarl-v7.fr-en": ("no", "no"),
        "newstest2012": ("no", "no"),
        "dev/newstest2013.de-en": ("no", "no"),
        "europarl-v7": ("no", "no"),
        ".hidden/x.de-en": ("no", "no"),
    }
    for stem, (german, english) in files.items():
        write(tmp_path, {f"{stem}.de": german, f"{stem}.en": english})
    write(tmp_path, {"giga.de-en.de.gz": "f", "giga.de-en.en.gz": "6", "commoncrawl.de-en.annotation": "x"})
    pairs, warnings, dropped = read(tmp_path)
    assert sorted(pairs) == [(chr(ord("a") + number), str(number + 1)) for number in range(6)]
    assert not warnings
    assert not dropped
    assert sorted(read(tmp_path, "translate_ende")[0]) == sorted((english, german) for german, english in pairs)


def test_plain_tar_with_compressed_members(tmp_path):
    members = {f"giga-fren.release2.fixed.{k}.gz": gzip.compress(v) for k, v in {"fr": b"un\n", "en": b"one\n"}.items()}
    write_tar(tmp_path / "training-giga-fren.tar", members, "w")
    assert read(tmp_path, "translate_fren")[0] == [("un", "one")]


def test_lines_end_at_newlines_only(tmp_path):
    write(tmp_path, {"train.de": "\ufeffa\u2028b\x85c\x0bd\r\ne\n", "train.en": "1\n2"})
    assert read(tmp_path)[0] == [("a\u2028b\x85c\x0bd", "1"), ("e", "2")]


def test_official_test_set_in_sgm(tmp_path):
    german, english = {1: "Das &amp; das", 2: "Zeile\n zwei"}, {1: "This &lt;and that", 2: "Line two"}
    write(tmp_path, {"test-full/newstest2014-deen-src.de.sgm": sgm(german)})
    write(tmp_path, {"test-full/newstest2014-deen-ref.en.sgm": sgm(english)})
    write(tmp_path, {"test-full/newstest2014-fren-ref.en.sgm": sgm({1: "no"})})
    pairs = [("Das & das", "This <and that"), ("Zeile zwei", "Line two")]
    assert read(tmp_path, split="test") == (pairs, [], {})
    assert read(tmp_path, "translate_ende", "test")[0] == [(second, first) for first, second in pairs]
    assert read(tmp_path, "translate_defr", "test")[0] == []
    shutil.make_archive(str(tmp_path / "other/test-full"), "gztar", tmp_path, "test-full")
    assert read(tmp_path / "other", split="test")[0] == pairs


def test_plain_dev_files_are_preferred_to_sgm(tmp_path):
    write(tmp_path, {"dev/newstest2013-src.de.sgm": sgm({1: "sgm"}), "dev/newstest2013-ref.en.sgm": sgm({1: "sgm"})})
    assert read(tmp_path, split="dev")[0] == [("sgm", "sgm")]
    write(tmp_path, {"dev/newstest2013.de": "plain", "dev/newstest2013.en": "plain"})
    assert read(tmp_path, split="dev")[0] == [("plain", "plain")]


def test_sgm_segments_must_match(tmp_path):
    write(tmp_path, {"newstest2014-deen-src.de.sgm": sgm({1: "a", 2: "b"})})
    write(tmp_path, {"newstest2014-deen-ref.en.sgm": sgm({1: "a", 3: "c"})})
    pairs, warnings, _ = read(tmp_path, split="test")
    assert pairs == []
    assert "segment 2: different segments" in warnings[0]
    write(tmp_path, {"newstest2014-deen-ref.en.sgm": sgm({1: "a", 2: "c"}).partition("c</seg>")[0]})
    pairs, warnings, _ = read(tmp_path, split="test")
    assert pairs == []
    assert "segment 2 at byte" in warnings[0]
    write(tmp_path, {"newstest2014-deen-ref.en.sgm": sgm({1: "a", 2: "c"}).replace("a</seg>", "a")})
    assert "segment 1 at byte" in read(tmp_path, split="test")[1][0]


def test_bad_files_are_named_and_counted(corpora_dir):
    folder = corpora_dir / "bad/translation"
    pairs, warnings, dropped = read(folder)
    assert len(pairs) == 5
    assert pairs[0] == (GERMAN, ENGLISH)
    bad = [f"{folder}/invalid_utf8.de-en.de: line {line}" for line in ("6, byte 420", "7, byte 436", "8, byte 440")]
    assert warnings == [
        *(f"{where}: invalid UTF-8; example dropped" for where in bad),
        f"{folder}/line_counts.de-en.de (10 lines) and {folder}/line_counts.de-en.en (9 lines): "
        "different line counts, the pair of files is left out; example dropped",
    ]
    assert sum(dropped.values()) == 4
    data = (folder / "invalid_utf8.de-en.de").read_bytes()
    assert data[436] == 0xED
    assert data[440] == 0xFF
    with pytest.raises(BadExampleError, match="line 6, byte 420"):
        read(folder, strict=True)


def test_filters(tmp_path):
    write(tmp_path, {"train.de": "a b c d\na\nselb\nx\n \ny\nz", "train.en": "1 2 3\n1 2 3\nselb\nq\nr\ns\nt"})
    options = {"max_length": 3, "max_ratio": 2.5, "drop_identical": True, "max_examples": 2}
    pairs, warnings, dropped = read(tmp_path, **options)
    assert pairs == [("x", "q"), ("y", "s")]
    assert not warnings
    assert dropped == {
        "longer than max_length": 1,
        "over max_ratio": 1,
        "identical sides": 1,
        "empty side": 1,
        "over max_examples": 1,
    }


@pytest.mark.parametrize("name", ["/etc/x.de-en.de", "../x.de-en.de", "a/../../x.de-en.de", "..\\x", "C:\\x"])
def test_unsafe_archives_are_refused(tmp_path, name):
    write_tar(tmp_path / "training-x.tgz", {"training/a.de-en.de": b"a\n", name: b"b\n"})
    with pytest.raises(SourceError, match="absolute or parent path"):
        read(tmp_path)


def test_links_in_archives_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    with tarfile.open(tmp_path / "training-x.tgz", "w:gz") as archive:
        for language in ("de", "en"):
            link = tarfile.TarInfo(f"x.de-en.{language}")
            link.type, link.linkname = tarfile.SYMTYPE, str(secret)
            archive.addfile(link)
    with pytest.raises(SourceError, match="no training files"):
        read(tmp_path)


def test_cut_archive_keeps_whole_members(tmp_path):
    rng = random.Random(0)
    text = {key: "".join(f"{rng.getrandbits(64)}\n" for _ in range(3000)).encode() for key in "abcd"}
    members = {"a.de-en.de": text["a"], "a.de-en.en": text["b"], "b.de-en.de": text["c"], "b.de-en.en": text["d"]}
    path = tmp_path / "training-x.tgz"
    write_tar(path, members)
    path.write_bytes(path.read_bytes()[:-15_000])
    pairs, warnings, dropped = read(tmp_path)
    assert len(pairs) == 3000
    assert len(warnings) == sum(dropped.values()) == 1
    assert str(path) in warnings[0]


def test_damaged_header_inside_an_archive_is_no_silent_end(tmp_path):
    members = {f"{stem}.de-en.{key}": b"x\n" for stem in "ab" for key in ("de", "en")}
    path = tmp_path / "training-x.tar"
    write_tar(path, members, "w")
    data = bytearray(path.read_bytes())
    data[2 * 1024 + 10] ^= 1
    path.write_bytes(bytes(data))
    pairs, warnings, _ = read(tmp_path)
    assert pairs == [("x", "x")]
    assert "header at byte 2048" in warnings[0]


def test_cut_gzip_is_named(tmp_path):
    write(tmp_path, {"train.de.gz": "abc\ndef\n", "train.en": "1\n2\n"})
    path = tmp_path / "train.de.gz"
    path.write_bytes(path.read_bytes()[:-6])
    pairs, warnings, _ = read(tmp_path)
    assert pairs == []
    assert str(path) in warnings[0]


def test_missing_corpus_tells_how_to_get_it(tmp_path):
    with pytest.raises(SourceError, match="statmt"):
        read(None)
    with pytest.raises(SourceError, match="europarl-v7"):
        read(tmp_path)


def test_tensorflow_datasets(tmp_path, monkeypatch):
    asked = []
    rows = {"train": [{"de": b"eins", "fr": b"un"}, {"de": b"\xff", "fr": b"x"}], "validation": []}

    def builder(name, data_dir):
        asked.append((name, data_dir))
        return types.SimpleNamespace(
            download_and_prepare=lambda: None,
            info=types.SimpleNamespace(splits=rows),
            as_dataset=lambda split, shuffle_files: rows[split],
        )

    module = types.SimpleNamespace(builder=builder, as_numpy=lambda dataset: dataset)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    problem = registry.problem("translate_defr")
    source = Source(tmp_dir=tmp_path, options={"tfds": True}, warn=lambda line: None)
    assert list(problem.examples("train", source)) == [{"inputs": "eins", "targets": "un"}]
    assert dict(source.dropped) == {"invalid UTF-8": 1}
    assert list(problem.examples("test", source)) == []
    assert asked[0] == ("wmt19_translate/fr-de", str(tmp_path))

    def fail(name, data_dir):
        raise ConnectionError("no route\nto host")

    module.builder = fail
    with pytest.raises(SourceError, match=r"wmt19_translate/fr-de .*no route.*--source_dir"):
        list(problem.examples("train", source))
    with pytest.raises(SourceError, match="--tmp_dir"):
        list(problem.examples("train", Source(options={"tfds": True})))


def test_suites_hold_the_papers_problems():
    eight = registry.expand_problems("multimodel8")
    assert len(eight) == 8
    assert registry.expand_problems("multimodel9") == [*eight, "translate_defr"]


def mutate(data, rng):
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(changed) + 1)
        changed[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    return bytes(changed[: rng.randrange(len(changed) + 1) if rng.random() < 0.2 else None])


def check_mutations(corpora_dir, folder, number):
    rng = random.Random(3)
    bad = corpora_dir / "bad/translation"
    texts = {key: (bad / f"invalid_utf8.de-en.{key}").read_bytes()[:600] for key in ("de", "en")}
    write_tar(folder / "sound.tar", {f"training/x.de-en.{key}": text for key, text in texts.items()}, "w")
    archive = (folder / "sound.tar").read_bytes()[:4096]
    marked = {key: sgm(dict.fromkeys(range(4), "a &amp; b")).encode() for key in ("de", "en")}
    kept = faults = 0
    for turn in range(number):
        place = folder / str(turn)
        place.mkdir()
        if turn % 2:
            (place / f"training-{turn}.tgz").write_bytes(mutate(gzip.compress(mutate(archive, rng), 1), rng))
            (place / "training-x.tar").write_bytes(mutate(archive, rng))
        else:
            for key in ("de", "en"):
                (place / f"train.{key}").write_bytes(mutate(texts[key], rng))
                (place / f"train.de-en.{key}.sgm").write_bytes(mutate(marked[key], rng))
        try:
            pairs, warnings, _ = read(place)
            kept += len(pairs)
            faults += len(warnings)
        except SourceError:
            faults += 1
        shutil.rmtree(place)
    assert kept > number // 10
    assert faults > number // 10


def test_mutated_files_raise_nothing_but_the_readers_error(corpora_dir, tmp_path):
    check_mutations(corpora_dir, tmp_path, 1000)


@pytest.mark.slow
def test_ten_thousand_mutated_files(corpora_dir, tmp_path):
    check_mutations(corpora_dir, tmp_path, 10_000)
