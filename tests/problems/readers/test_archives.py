"""Tests of the streaming archive readers: complete members are delivered, damage is named, unsafe paths are refused."""

import io
import pathlib
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, SourceError
from t2t_multimodel.problems.readers.archives import tar_members
from t2t_multimodel.problems.readers.layout import nearest
from t2t_multimodel.problems.readers.zips import FolderReader, ZipReader

FILES = {"a.txt": b"first", "folder/b.txt": bytes(range(256)) * 5, "empty": b"", "z" * 120 + ".txt": b"long name"}


def recording_source(**kwargs) -> tuple[Source, list[str]]:
    lines: list[str] = []
    return Source(warn=lines.append, **kwargs), lines


def tar_bytes(files: dict[str, bytes], mode: str = "w", form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def contents(path: pathlib.Path, source: Source, **kwargs) -> dict[str, bytes]:
    return {f"{member.parent}:{member.name}": member.data for member in tar_members(path, source, **kwargs)}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_reads_whole_tar(tmp_path, form, mode):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(FILES, mode, form))
    source, lines = recording_source()
    assert contents(path, source) == {f":{name}": data for name, data in FILES.items()}
    assert not lines and not source.dropped
    assert list(contents(path, source, wanted=lambda name: name.startswith("folder"))) == [":folder/b.txt"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cut_tar_keeps_whole_members_and_says_so(tmp_path_factory, data):
    whole = tar_bytes(FILES)
    end = whole.rstrip(b"\0")
    cut = data.draw(st.integers(0, len(end) - 1))
    path = tmp_path_factory.mktemp("cut") / "a.tar"
    path.write_bytes(whole[:cut])
    source, lines = recording_source()
    found = contents(path, source)
    names = list(FILES)[: len(found)]
    assert found == {f":{name}": FILES[name] for name in names}
    assert len(lines) == 1 and str(path) in lines[0] and "offset" in lines[0]


def test_damaged_header_is_reported_not_taken_for_the_end(tmp_path):
    data = bytearray(tar_bytes({"a": b"x", "b": b"y", "c": b"z"}))
    data[1024] ^= 1
    (tmp_path / "a.tar").write_bytes(data)
    source, lines = recording_source()
    assert contents(tmp_path / "a.tar", source) == {":a": b"x"}
    assert source.dropped == {"damaged archive header": 1}
    assert "after member a, offset 1024" in lines[0]


def test_nested_tars_are_streamed_and_damage_stays_inside(tmp_path):
    inner = tar_bytes({"1.jpg": b"one", "2.jpg": b"two"})
    path = tmp_path / "outer.tar"
    path.write_bytes(tar_bytes({"n1.tar": inner, "n2.tar": inner[:1030], "n3.tar": inner}))
    source, lines = recording_source()
    found = contents(path, source, nested=True)
    assert list(found) == ["n1.tar:1.jpg", "n1.tar:2.jpg", "n2.tar:1.jpg", "n3.tar:1.jpg", "n3.tar:2.jpg"]
    assert source.dropped == {"truncated nested archive": 1}
    assert "n2.tar" in lines[0] and str(path) in lines[0]


def test_cut_inside_nested_tar_is_reported_once(tmp_path):
    inner = tar_bytes({"1.jpg": b"one", "2.jpg": b"two" * 400})
    path = tmp_path / "outer.tar"
    path.write_bytes(tar_bytes({"n1.tar": inner})[: 512 + 2000])
    source, lines = recording_source()
    assert list(contents(path, source, nested=True)) == ["n1.tar:1.jpg"]
    assert len(lines) == 1 and "2.jpg" in lines[0]


def test_cut_gzip_is_reported(tmp_path):
    path = tmp_path / "a.tgz"
    path.write_bytes(tar_bytes({f"{i}": bytes([i]) * 5000 for i in range(200)}, "w:gz")[:-300])
    source, lines = recording_source()
    found = contents(path, source)
    assert all(data == bytes([int(name[1:])]) * 5000 for name, data in found.items())
    assert len(lines) == 1 and "truncated archive" in lines[0]


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b", "C:\\x", "\\x", "a\\..\\b"])
def test_unsafe_member_paths_are_refused(tmp_path, name):
    (tmp_path / "a.tar").write_bytes(tar_bytes({"ok": b"1", name: b"2"}))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ok", "1")
        archive.writestr(zipfile.ZipInfo(name), "2")
    with pytest.raises(SourceError, match="absolute or parent path"):
        contents(tmp_path / "a.tar", Source())
    with pytest.raises(SourceError, match="absolute or parent path"):
        ZipReader(tmp_path / "a.zip", Source())
    with pytest.raises(SourceError, match="absolute or parent path"):
        FolderReader(tmp_path).read(name)


def test_strict_stops_at_damage(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_bytes(FILES)[:700])
    with pytest.raises(BadExampleError, match="offset"):
        contents(tmp_path / "a.tar", Source(strict=True))


def test_missing_tar_is_a_source_error(tmp_path):
    with pytest.raises(SourceError, match=r"none\.tar"):
        contents(tmp_path / "none.tar", Source())


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_whole_and_cut(tmp_path, compression):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    source, lines = recording_source()
    reader = ZipReader(path, source)
    assert {name: reader.read(name) for name in reader.names()} == FILES
    assert not lines
    last = zipfile.ZipFile(path).infolist()[-1].header_offset
    path.write_bytes(path.read_bytes()[: last + 20])
    reader = ZipReader(path, source)
    assert {name: reader.read(name) for name in reader.names()} == dict(list(FILES.items())[:-1])
    assert len(lines) == 1 and f"offset {last}" in lines[0]


def test_zip_member_with_wrong_checksum(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"0123456789")
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780"))
    with pytest.raises(BadExampleError, match="damaged archive member"):
        ZipReader(path, Source()).read("a")


def test_no_zip_at_all(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(SourceError, match="not a zip archive"):
        ZipReader(tmp_path / "a.zip", Source())


def test_negative_and_huge_sizes_are_damage(tmp_path):
    for size in (struct.pack(">B11s", 0xFF, b"\xff" * 11), struct.pack(">BQ3x", 0x80, 1 << 60)):
        header = bytearray(tar_bytes({"a": b"x"})[:512])
        header[124:136] = size
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(2048))
        source, lines = recording_source()
        assert contents(tmp_path / "a.tar", source) == {}
        assert len(lines) == 1


def test_nearest_prefers_the_top(tmp_path):
    for name in ("bad/deep/val.zip", "coco/val.zip"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert nearest(tmp_path, "VAL.zip") == tmp_path / "coco/val.zip"
    assert nearest(tmp_path, "deep", directory=True) == tmp_path / "bad/deep"
    assert nearest(tmp_path, "nothing*") is None
