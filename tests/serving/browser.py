"""Headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-port=0",
)
_WAIT_S = 300
_KEYS = {"Tab": 9, "Enter": 13, "ArrowDown": 40, " ": 32}
_SHIFT, _CONTROL = 8, 2


@contextlib.contextmanager
def chromium(folder: pathlib.Path) -> Iterator[Browser]:
    """A browser with a new profile in `folder`; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(_NAMES)} is installed; install Debian's chromium")
    client = pytest.importorskip("websockets.sync.client")
    process = subprocess.Popen(
        [found, *_FLAGS, f"--user-data-dir={folder}", "about:blank"], stderr=subprocess.PIPE, text=True
    )
    try:
        line = next(line for line in process.stderr if "DevTools listening on" in line)
        port = line.split("127.0.0.1:")[1].split("/")[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            target = next(one for one in json.load(answer) if one["type"] == "page")
        with client.connect(target["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        process.wait(timeout=30)


class Browser:
    """One page.

    Attributes:
        requests: addresses that were asked for.
        faults: errors of the script, of the console and of the content security policy.
    """

    def __init__(self, connection: Any):
        self._connection, self._number = connection, 0
        self.requests: list[str] = []
        self.faults: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        self.send("Page.bringToFront")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol; events that come meanwhile are noted."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=_WAIT_S))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(params["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.faults.append(json.dumps(params["entry"]))
        elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.faults.append(json.dumps(params["args"]))

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        found = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Waits until a JavaScript expression is true."""
        end = time.monotonic() + _WAIT_S
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < end, (
                f"{expression} never came; {self.faults}; {self.value('document.body.innerText')}"
            )
            time.sleep(0.05)

    def open(self, url: str) -> None:
        """Loads a page anew."""
        self.send("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.send("Page.navigate", url=url)
        self.wait(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def press(self, key: str, *, shift: bool = False, control: bool = False) -> None:
        """Presses a key."""
        event = {
            "key": key,
            "code": {" ": "Space"}.get(key, key),
            "windowsVirtualKeyCode": _KEYS[key],
            "modifiers": _SHIFT * shift + _CONTROL * control,
        }
        text = {"Enter": "\r", " ": " "}.get(key)
        self.send("Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Types text into what has the focus."""
        self.send("Input.insertText", text=text)

    def choose_file(self, selector: str, path: str | pathlib.Path) -> None:
        """Chooses a file, as a person does in the browser's dialog."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def look_as(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Sets the window's size and the colours that the person prefers."""
        scale = 2 if phone else 1
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: pathlib.Path, height: int | None = None) -> None:
        """Writes a PNG of the page from its top, of all of it or so many pixels high."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0,
            "y": 0,
            "width": size["width"],
            "height": min(size["height"], height or size["height"]),
            "scale": 1,
        }
        data = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def names(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader finds and a person can use."""
        roles = {"button", "textbox", "radio", "combobox", "link", "group", "img", "image", "Audio"}
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        used = [one for one in nodes if not one.get("ignored") and one.get("role", {}).get("value") in roles]
        return [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in used]
