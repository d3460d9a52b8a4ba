"""Local copies of objects: whole or not there, checked, and fetched again when the object is another."""

import pathlib

import pytest

from t2t_multimodel.data.remote import cache
from t2t_multimodel.data.remote.path import RemotePath, RemoteStat
from t2t_multimodel.errors import StorageError


class FolderPath(RemotePath):
    """An object whose bytes lie in a folder of this machine."""

    folder: pathlib.Path
    fetched = 0

    def _file(self) -> pathlib.Path:
        return self.folder / self.name

    def stat(self):
        found = self._file().stat()
        return RemoteStat(found.st_size, found.st_mtime_ns)

    def read_bytes(self):
        type(self).fetched += 1
        return self._file().read_bytes()


@pytest.fixture
def shard(tmp_path, monkeypatch):
    """An object of nine bytes."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_checked", set())
    monkeypatch.setattr(FolderPath, "folder", tmp_path, raising=False)
    monkeypatch.setattr(FolderPath, "fetched", 0)
    (tmp_path / "shard").write_bytes(b"123456789")
    return FolderPath("s3://bucket/data/shard")


def new_process(monkeypatch):
    monkeypatch.setattr(cache, "_checked", set())


def test_an_object_is_fetched_once(shard, tmp_path, monkeypatch):
    copy = cache.local_copy(shard)
    assert copy.read_bytes() == b"123456789" and copy.is_relative_to(tmp_path / "cache")
    new_process(monkeypatch)
    assert cache.local_copy(shard) == copy and FolderPath.fetched == 1


def test_another_object_under_the_same_address_is_fetched(shard, tmp_path):
    cache.local_copy(shard)
    (tmp_path / "shard").write_bytes(b"abc")
    assert cache.local_copy(shard).read_bytes() == b"abc"


@pytest.mark.parametrize("damage", [b"12345678X", b"1234"])
def test_a_damaged_copy_is_named_and_fetched_again(shard, monkeypatch, capsys, damage):
    cache.local_copy(shard).write_bytes(damage)
    new_process(monkeypatch)
    assert cache.local_copy(shard).read_bytes() == b"123456789"
    assert "is damaged; it is fetched again" in capsys.readouterr().err


def test_a_transfer_that_breaks_off_leaves_no_copy(shard, monkeypatch):
    def broken(path, wanted):
        yield b"1234"
        raise StorageError("s3://bucket cannot be reached")

    with monkeypatch.context() as patch, pytest.raises(StorageError):
        patch.setattr(cache, "_blocks", broken)
        cache.local_copy(shard)
    assert not [path for path in cache.cache_folder().rglob("*shard") if path.is_file()]
    assert cache.local_copy(shard).read_bytes() == b"123456789"


def test_an_object_that_changes_while_it_is_read_is_no_copy(shard, monkeypatch):
    monkeypatch.setattr(FolderPath, "read_bytes", lambda self: b"12345678")
    with pytest.raises(StorageError, match="changed while it was read"):
        cache.local_copy(shard)
    assert not list(cache.cache_folder().rglob("*.part"))
