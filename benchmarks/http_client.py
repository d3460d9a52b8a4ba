"""A client of HTTP/1.1 that costs little, for loads: one connection that is kept and opened again when it closes."""

from __future__ import annotations

import asyncio
import contextlib

from benchmarks.hostile import Ask

_PATIENCE_S = 600


class Connection:
    """Asks one request after the other.

    Args:
        host, port: of the server.
    """

    def __init__(self, host: str, port: int):
        self._address = host, port
        self._reader = self._writer = None

    async def ask(self, one: Ask) -> tuple[int, bytes]:
        """Status and body of the answer; status 0 and the reason where there is none."""
        for last in (False, True):
            fresh = self._writer is None
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await self._ask(one)
            except (OSError, ValueError, IndexError, EOFError, TimeoutError) as error:
                self.close()
                if fresh or last:  # a kept connection may have been closed meanwhile
                    return 0, f"{type(error).__name__}: {error}".encode()
        raise AssertionError

    async def _ask(self, one: Ask) -> tuple[int, bytes]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        headers = [("Host", "test"), ("Content-Type", one.content_type), ("Content-Length", str(len(one.body)))]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*headers, *one.headers])
        self._writer.write(f"POST {one.path} HTTP/1.1\r\n{head}\r\n".encode())
        if one.slow:
            self._writer.write(one.body[:1])
        else:
            self._writer.write(one.body)
            with contextlib.suppress(ConnectionError):  # the refusal may come before all is sent
                await self._writer.drain()
        return await self._answer()

    async def _answer(self) -> tuple[int, bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split()[1]), body

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
