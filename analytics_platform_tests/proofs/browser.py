"""A headless Chromium, driven through chromedriver's W3C WebDriver API: plain JSON over HTTP."""

import base64
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 60.0  # of one command; a page's scripts may keep a loaded machine busy for long
START_SECONDS = 30.0
LOOK_SECONDS = 0.25
STILL_SECONDS = 1.0
INSTALL = "install it: `apt-get install chromium chromium-driver` (Debian, Ubuntu), or put both on PATH"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # root, as in a container, may not use it
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
COLOURS = """
const [data, done] = arguments, image = new Image();
image.onload = () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  done([image.width, image.height, new Set(pixels).size]);
};
image.src = 'data:image/png;base64,' + data;
"""


class BrowserMissingError(Exception):
    """Chromium or its driver is not on this machine."""


class BrowserError(Exception):
    """The browser answered that it cannot do what it was asked for."""


class NotShownError(Exception):
    """A page never showed what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a PNG file holds."""

    width: int
    height: int
    colours: int


@dataclass(frozen=True, slots=True)
class Browser:
    """One tab."""

    port: int
    session: str

    def resize(self, size: tuple[int, int]) -> None:
        """Make pages, and the pictures of them, so many pixels wide and high."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self._command("goog/cdp/execute", command)

    def open(self, url: str) -> None:
        """Go to a page; returns when its document has loaded, which is before a single page app shows anything."""
        self._command("url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """What a script's body returns."""
        return self._command("execute/sync", {"script": script, "args": list(arguments)})

    def text(self) -> str:
        """The words on the page, as they are rendered."""
        return self.run("return document.body.innerText")

    def wait_for(self, *words: str, seconds: float = 60.0) -> str:
        """The page's text once it holds all those words. Raises NotShownError, with what it shows instead."""
        deadline, text = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            text = self.text()
            if all(word in text for word in words):
                return text
            pause(LOOK_SECONDS)
        missing = [word for word in words if word not in text]
        raise NotShownError(f"not on the page after {seconds:.0f} s: {missing}; it shows: {text[:2000]!r}")

    def wait_until(self, script: str, *arguments: object, seconds: float = 60.0) -> Any:
        """What a script's body returns, once that is true. Raises NotShownError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := self.run(script, *arguments):
                return found
            pause(LOOK_SECONDS)
        raise NotShownError(f"not true after {seconds:.0f} s: {script}")

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until the page is the same for two looks, or that long: what counts seconds never is."""
        deadline, before = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            now = self.run("return document.body.innerHTML")
            if now == before:
                return
            before = now
            pause(STILL_SECONDS)

    def save_picture(self, path: Path) -> Picture:
        """Save what the tab shows as a PNG file; returns what that file holds."""
        data = self._command("screenshot", None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        width, height, colours = self._command("execute/async", {"script": COLOURS, "args": [data]})
        return Picture(width=width, height=height, colours=colours)

    def complaints(self) -> list[str]:
        """Errors in the browser's console since the last look."""
        entries = self._command("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def _command(self, name: str, body: dict[str, Any] | None) -> Any:
        return ask(self.port, "GET" if body is None else "POST", f"/session/{self.session}/{name}", body)


def pause(seconds: float) -> None:
    """Let some time pass before the next look."""
    threading.Event().wait(seconds)


@contextmanager
def browsing() -> Generator[Browser]:
    """A browser with an empty profile of its own; ended afterwards. Raises BrowserMissingError."""
    chromium, driver = find(BROWSERS), find(("chromedriver",))
    with tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as profile, driving(driver) as port:
        browser = Browser(port, ask(port, "POST", "/session", wanted(chromium, Path(profile)))["sessionId"])
        try:
            yield browser
        finally:
            ask(port, "DELETE", f"/session/{browser.session}", None)


def find(names: Sequence[str]) -> str:
    """The first of those programs that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise BrowserMissingError(f"no {' or '.join(names)} on PATH; {INSTALL}")


def wanted(chromium: str, profile: Path) -> dict[str, Any]:
    """What a session is opened with."""
    arguments = [*ARGUMENTS, f"--user-data-dir={profile}"]
    options = {"binary": chromium, "args": arguments}
    always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    return {"capabilities": {"alwaysMatch": always}}


@contextmanager
def driving(driver: str) -> Generator[int]:
    """A chromedriver on a free port, which is yielded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}", "--log-level=SEVERE"], stdout=subprocess.DEVNULL)
    try:
        _await_ready(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if ask(port, "GET", "/status", None)["ready"]:
                return
        except OSError:
            pause(LOOK_SECONDS)
    raise BrowserError(f"chromedriver does not answer on port {port}; exit code {process.poll()}")


def ask(port: int, method: str, path: str, body: dict[str, Any] | None) -> Any:
    """One request to the driver; the `value` of its answer. Raises BrowserError where that is an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        value = json.loads(answer.read())["value"]
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise BrowserError(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}")
    return value
