"""CRC-32C (Castagnoli) of many byte strings at once, in NumPy.

A CRC register started at zero ignores leading zeros and is linear over GF(2). So records are padded in front to
blocks of equal length, all blocks are run through the table together, and blocks are joined pairwise by the linear
map that appending zeros is. The start value 0xFFFFFFFF equals inverting the first four bytes.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

_POLYNOMIAL = 0x82F63B78
_BLOCK = 64
_GROUP_BYTES = 1 << 22
_MASK_DELTA = 0xA282EAD8


def crc32c(records: Sequence[bytes]) -> np.ndarray:
    """CRC-32C of each record, `[records]` uint32."""
    groups: dict[int, list[int]] = defaultdict(list)
    result = np.zeros(len(records), np.uint32)
    for index, record in enumerate(records):
        size = len(record)
        if size < 4:
            result[index] = _crc_short(record)
        else:
            groups[max(_BLOCK, 1 << (size - 1).bit_length())].append(index)
    for width, members in groups.items():
        count = max(1, _GROUP_BYTES // width)
        for start in range(0, len(members), count):
            chosen = members[start : start + count]
            result[chosen] = _crc_group([records[index] for index in chosen], width)
    return result


def masked_crc32c(records: Sequence[bytes]) -> np.ndarray:
    """The checksums as TFRecord files store them: rotated and offset, `[records]` uint32."""
    crc = crc32c(records)
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(_MASK_DELTA)


@functools.lru_cache(maxsize=1 << 16)
def masked_crc32c_of_length(length: int) -> int:
    """The masked checksum of a record's length field, 8 bytes little endian."""
    crc = _crc_short(length.to_bytes(8, "little"))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _crc_short(data: bytes) -> int:
    table, crc = _byte_table(), 0xFFFFFFFF
    for byte in data:
        crc = int(table[(crc ^ byte) & 0xFF]) ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc_group(records: list[bytes], width: int) -> np.ndarray:
    """CRCs of records of 4 to `width` bytes; `width` is a block times a power of two."""
    joined = bytearray(b"".join([record.rjust(width, b"\0") for record in records]))
    matrix = np.frombuffer(joined, np.uint8).reshape(len(records), width)
    starts = width - np.fromiter(map(len, records), np.int64, len(records))
    matrix[np.arange(len(records))[:, None], starts[:, None] + np.arange(4)] ^= 0xFF
    block = _BLOCK
    crc = _crc_blocks(matrix.reshape(-1, block))
    while block < width:
        pairs = crc.reshape(-1, 2)
        crc = _shift(pairs[:, 0], block) ^ pairs[:, 1]
        block *= 2
    return ~crc


def _crc_blocks(blocks: np.ndarray) -> np.ndarray:
    """Raw CRC of each row of `[blocks, bytes]`, an even number of bytes, started at zero."""
    table = _word_table()
    words = np.ascontiguousarray(blocks.view("<u2").T)
    crc = np.zeros(len(blocks), np.uint32)
    for column in words:
        crc = table[(crc & np.uint32(0xFFFF)) ^ column] ^ (crc >> np.uint32(16))
    return crc


def _shift(crc: np.ndarray, zeros: int) -> np.ndarray:
    """The registers after `zeros` more zero bytes."""
    low, high = _shift_tables(zeros)
    return low[crc & np.uint32(0xFFFF)] ^ high[crc >> np.uint32(16)]


@functools.cache
def _byte_table() -> np.ndarray:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = (crc >> np.uint32(1)) ^ np.where(crc & np.uint32(1), np.uint32(_POLYNOMIAL), np.uint32(0))
    return crc


@functools.cache
def _word_table() -> np.ndarray:
    table, crc = _byte_table(), np.arange(1 << 16, dtype=np.uint32)
    for _ in range(2):
        crc = table[crc & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return crc


@functools.cache
def _shift_tables(zeros: int) -> tuple[np.ndarray, np.ndarray]:
    """Images under "append `zeros` zero bytes" of all low and all high halves of a register."""
    units = np.uint32(1) << np.arange(32, dtype=np.uint32)
    if zeros == _BLOCK:
        table = _byte_table()
        for _ in range(zeros):
            units = table[units & np.uint32(0xFF)] ^ (units >> np.uint32(8))
    else:
        half = zeros // 2
        units = _shift(_shift(units, half), half)
    tables = []
    for part in (units[:16], units[16:]):
        table = np.zeros(1, np.uint32)
        for image in part:
            table = np.concatenate([table, table ^ image])
        tables.append(table)
    return tables[0], tables[1]
