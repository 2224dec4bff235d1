"""Chromium without a window, driven through its DevTools protocol: it opens a page and says what it saw."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    # The page is made by the test itself, and containers have no user namespaces.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,DialMediaRouteProvider",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-port=0",
)
DEADLINE = 30.0


def program() -> str | None:
    """Chromium's path; None where it is not installed."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Tab:
    """A tab.

    Attributes:
        troubles: Errors and warnings of the console, and exceptions nobody caught.
        requests: Addresses that the page asked for.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._count = 0
        self._session: str | None = None
        self._seen: set[str] = set()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        end = time.monotonic() + DEADLINE
        while True:
            answer = self._receive(end)
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def _receive(self, end: float) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=max(0.01, end - time.monotonic())))
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.troubles.append(f"console: {[arg.get('value') for arg in params['args']]}")
            case "Runtime.exceptionThrown":
                self.troubles.append(f"exception: {params['exceptionDetails']}")
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.troubles.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"][:100])
            case str(name):
                self._seen.add(name)
        return message

    def open(self, page: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Load a file into a window of this size."""
        self.size(width, height, dark=dark)
        self._seen.discard("Page.loadEventFired")
        self.ask("Page.navigate", url=page.resolve().as_uri())
        end = time.monotonic() + DEADLINE
        while "Page.loadEventFired" not in self._seen:
            self._receive(end)

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Make the window as large as this; ``dark`` as the machine's colour scheme."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        # Two frames later the page has been drawn anew.
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def run(self, script: str) -> Any:
        """The value of an expression, or of what it promises."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=False
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + DEADLINE
        while not self.run(condition):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Press the mouse on the middle of an element, as a person does: when it stands still."""
        x, y = self.run(
            f"(async () => {{ const e = document.querySelector({json.dumps(selector)});"
            " const frame = () => new Promise(requestAnimationFrame);"
            " const middle = () => { const b = e.getBoundingClientRect();"
            "   return [b.x + b.width / 2, b.y + b.height / 2]; };"
            " e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " for (let at = [], still = 0; still < 3;) {"
            "   await frame(); const now = middle();"
            "   still = now.join() === at.join() ? still + 1 : 0; at = now; }"
            " return middle(); })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press a key, such as ``Tab``, ``Enter`` or a space."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {" ": "Space"}.get(key, key)
        number = {"Enter": 13, " ": 32, "Tab": 9, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
        same = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **same)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **same)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen as PNG; ``whole`` takes all of the page."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser() -> Iterator[Tab]:
    """Chromium with an empty tab."""
    found = program()
    assert found is not None, "Chromium is not installed (Debian: chromium)"
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = Path(profile) / "DevToolsActivePort"
            end = time.monotonic() + DEADLINE
            while not (port.exists() and len(port.read_text().splitlines()) == 2):
                assert process.poll() is None, "Chromium did not start"
                assert time.monotonic() < end, "Chromium does not answer"
                time.sleep(0.02)
            number, path = port.read_text().splitlines()
            with connect(f"ws://127.0.0.1:{number}{path}", max_size=None, proxy=None) as socket:
                yield Tab(socket)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
