"""How smooth the dashboard is: the times between frames while somebody scrolls, pans and replays.

    python tests/bench/smooth.py [--quick] [--json] [--only list|canvas]

Starts a real server on a store of 100,000 executions and one with a flow of 300 placements, and
works the dashboard in a headless Chromium as a hand would: wheel, scroll bar, keys, pointer. Every
figure is of the deltas between animation frames; 16.7 ms is every frame of a 60 Hz screen. The row
`floor` is an empty page of the same browser in the same minute. Nothing is asserted.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from browser.dashboard import built, chromium
from fill import fill
from playwright.sync_api import Browser, CDPSession, Page
from run import say_machine
from server import ECHO, INVOKE, Server, compile_draft, open_box, push

Row = dict[str, Any]

EXECUTIONS = 100_000
ARMS = 16
PLACEMENTS = 300
SIZE = {"width": 1440, "height": 900}
FRAME_MS = 1000 / 60
LATE_MS = 33.0
SETTLE_MS = 1_500

RECORD = """() => {
  window.frameDeltas = []
  let last = null
  const tick = (now) => {
    if (window.frameDeltas === null) return
    if (last !== null) window.frameDeltas.push(now - last)
    last = now
    requestAnimationFrame(tick)
  }
  requestAnimationFrame(tick)
}"""
TAKE = "() => { const all = window.frameDeltas; window.frameDeltas = null; return all }"


class Watched:
    """A page whose frames and memory are measured while something is done in it."""

    def __init__(self, page: Page, rows: list[Row]) -> None:
        self.page = page
        self.rows = rows
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        # Of the page's own thread, so that what others do on the cores is not counted.
        self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    def measure(self, name: str, act: Callable[[], None], **more: Any) -> None:
        """One row: the frames while `act` works the page."""
        self.page.wait_for_timeout(SETTLE_MS / 3)
        self.page.evaluate(RECORD)
        before = self.metrics()
        act()
        spent = {part: after - before[part] for part, after in self.metrics().items()}
        deltas = sorted(self.page.evaluate(TAKE))
        row = {
            "name": name,
            "frames": len(deltas),
            "p50_ms": statistics.median(deltas),
            "p95_ms": deltas[int(len(deltas) * 0.95)],
            "most_ms": deltas[-1],
            "late": sum(delta > LATE_MS for delta in deltas) / len(deltas),
            "cpu_ms": spent["TaskDuration"] * 1000 / len(deltas),
            "script_ms": spent["ScriptDuration"] * 1000 / len(deltas),
            "style_ms": (spent["LayoutDuration"] + spent["RecalcStyleDuration"])
            * 1000
            / len(deltas),
        }
        self.rows.append(row | more)
        print(f"  {text(self.rows[-1])}", file=sys.stderr, flush=True)

    def metrics(self) -> dict[str, float]:
        """What the browser counts of the page, times in seconds."""
        found = self.cdp.send("Performance.getMetrics")["metrics"]
        return {one["name"]: float(one["value"]) for one in found}

    def heap_mib(self) -> float:
        """What the page's scripts hold once what is forgotten is gone."""
        self.cdp.send("HeapProfiler.collectGarbage")
        return self.metrics()["JSHeapUsedSize"] / 2**20


@contextmanager
def opened(browser: Browser, box: Server, rows: list[Row]) -> Iterator[Watched]:
    """A window that is signed in."""
    context = browser.new_context(base_url=box.url, viewport=SIZE, color_scheme="dark")
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("API key", exact=True).fill(box.key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/executions")
    yield Watched(page, rows)
    context.close()


def paced(count: int) -> Iterator[int]:
    """Numbers, one in each frame: what comes faster than frames is not what a hand does."""
    started = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, started + number * FRAME_MS / 1000 - time.perf_counter()))
        yield number


def measure_floor(browser: Browser, rows: list[Row]) -> None:
    page = browser.new_page(viewport=SIZE)
    page.goto("data:text/html,<title>floor</title>")
    Watched(page, rows).measure("floor, an empty page", lambda: page.wait_for_timeout(3_000))
    page.close()


def measure_list(directory: Path, browser: Browser, rows: list[Row], share: float) -> None:
    """The list of very many executions: as it is read, and once all of it is there."""
    here = directory / "list"
    here.mkdir()
    fill(here / "data", EXECUTIONS)
    with open_box(here) as box, opened(browser, box, rows) as watched:
        page, turns = watched.page, int(360 * share)
        page.locator("[role=row][data-id]").first.wait_for()
        page.mouse.move(700, 500)

        def wheel(pixels: int) -> Callable[[], None]:
            def turn() -> None:
                for _ in paced(turns):
                    page.mouse.wheel(0, pixels)

            return turn

        def press(key: str, count: int) -> Callable[[], None]:
            def go() -> None:
                for _ in paced(count):
                    page.keyboard.press(key)

            return go

        watched.measure("list, wheel while more is read", wheel(300), heap_mib=watched.heap_mib())
        page.locator("[role=row][data-id]").nth(4).focus()
        watched.measure("list, End until all is read", lambda: go_to_the_end(page))
        more = {"heap_mib": watched.heap_mib()}
        watched.measure("list, scroll bar from end to end", lambda: drag_bar(page, turns), **more)
        page.mouse.move(700, 500)
        watched.measure("list, wheel among 100,000", wheel(-300))
        page.locator("[role=row][data-id]").nth(16).focus()
        watched.measure("list, arrow key held", press("ArrowDown", turns))
        watched.measure("list, page key held", press("PageDown", turns))


def go_to_the_end(page: Page) -> None:
    while page.get_by_text("That is all").count() == 0:
        page.keyboard.press("End")
        page.wait_for_timeout(FRAME_MS)


def drag_bar(page: Page, turns: int) -> None:
    """The thumb of the scroll bar, down there now, up and down again."""
    box = page.get_by_role("table", name="Executions").locator("..").bounding_box()
    assert box is not None
    x, bottom, top = box["x"] + box["width"] - 8, box["y"] + box["height"] - 26, box["y"] + 26
    page.mouse.move(x, bottom)
    page.mouse.down()
    for number in paced(turns):
        way = abs(1 - 2 * number / turns)
        page.mouse.move(x, top + (bottom - top) * way)
    page.mouse.up()


def measure_canvas(directory: Path, browser: Browser, rows: list[Row], share: float) -> None:
    """The canvas of a large flow, with an execution to replay."""
    with open_box(directory / "canvas") as box:
        push(box)
        graph_id = compile_draft(box, "wide", *wide(PLACEMENTS))
        given = {"graph_id": graph_id, "input": {"text": "hi", "count": "1"}, "wait": True}
        with box.client() as client:
            answer: httpx.Response = client.post(INVOKE, json=given)
            identity = answer.raise_for_status().json()["execution_id"]
        with opened(browser, box, rows) as watched:
            work_canvas(watched, identity, int(240 * share))


def work_canvas(watched: Watched, identity: str, turns: int) -> None:
    page = watched.page
    page.goto(f"/executions/{identity}")
    page.locator(".react-flow__node").first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    heap = {"heap_mib": watched.heap_mib()}
    pane = page.locator(".react-flow").bounding_box()
    assert pane is not None
    middle = (pane["x"] + pane["width"] / 2, pane["y"] + 60)

    def zoom(pixels: int) -> None:
        page.mouse.move(*middle)
        for _ in paced(turns // 2):
            page.mouse.wheel(0, pixels)

    def pan() -> None:
        page.mouse.move(*middle)
        page.mouse.down()
        for number in paced(turns):
            way = abs(((number / 60) % 2) - 1) * 500
            page.mouse.move(middle[0] - 250 + way, middle[1] + way / 5)
        page.mouse.up()

    watched.measure("canvas, pan with all cards in view", pan, **heap)
    watched.measure("canvas, zoom in", lambda: zoom(-20))
    watched.measure("canvas, pan near", pan)
    watched.measure("canvas, zoom out", lambda: zoom(20))
    page.get_by_role("button", name="Fit View").click()
    watched.measure("canvas, scrub with all cards in view", lambda: scrub(page, turns))
    watched.measure("canvas, play with all cards in view", lambda: play(page))
    zoom(-16)
    watched.measure("canvas, scrub near", lambda: scrub(page, turns))
    watched.measure("canvas, play near", lambda: play(page))


def scrub(page: Page, turns: int) -> None:
    track = page.get_by_role("slider", name="Time").locator("..").bounding_box()
    assert track is not None
    y = track["y"] + track["height"] / 2
    page.mouse.move(track["x"] + 2, y)
    page.mouse.down()
    for number in paced(turns):
        page.mouse.move(track["x"] + 2 + abs(((number / 120) % 2) - 1) * (track["width"] - 6), y)
    page.mouse.up()


def play(page: Page) -> None:
    """From the beginning to the end, slowly."""
    page.get_by_role("radiogroup", name="Speed").locator("label").first.click()
    page.get_by_role("button", name="To the beginning").click()
    page.get_by_role("button", name="Play the replay").click()
    page.get_by_role("button", name="Play the replay").wait_for(timeout=60_000)


def wide(count: int) -> tuple[list[Row], list[Row]]:
    """Placements and edges of one that goes to sixteen, which come together, and so on."""
    nodes = [{"alias": f"n{number}", "package": ECHO, "node": "Echo"} for number in range(count)]
    edges: list[Row] = []
    top = 0
    while top < count - 1:
        # What is left over goes on one by one.
        arms = ARMS if top + ARMS + 1 < count else 0
        end = top + arms + 1
        for arm in range(top + 1, end):
            edges += [{"from": f"n{top}", "to": f"n{arm}"}, {"from": f"n{arm}", "to": f"n{end}"}]
        if not arms:
            edges.append({"from": f"n{top}", "to": f"n{end}"})
        top = end
    return nodes, edges


PARTS = {"list": measure_list, "canvas": measure_canvas}


def text(row: Row) -> str:
    words = (
        f"{row['name']}: p50 {row['p50_ms']:.1f} ms, p95 {row['p95_ms']:.1f} ms, "
        f"most {row['most_ms']:.0f} ms, over {LATE_MS:.0f} ms {row['late']:.1%} "
        f"of {row['frames']:,} frames, CPU {row['cpu_ms']:.1f} ms a frame "
        f"(script {row['script_ms']:.1f}, style and layout {row['style_ms']:.1f})"
    )
    return words + (f", heap {row['heap_mib']:.0f} MiB" if "heap_mib" in row else "")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how smooth the dashboard is.")
    parser.add_argument("--quick", action="store_true", help="a quarter of everything")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="axiomd-smooth-"))
    rows: list[Row] = []
    try:
        found = machine.describe(directory)
        say_machine(found, quiet=options.json)
        built()
        # A headless browser has no scroll bars unless it is told to.
        with chromium(ignore_default_args=["--hide-scrollbars"]) as browser:
            measure_floor(browser, rows)
            for name in options.only or PARTS:
                PARTS[name](directory, browser, rows, 0.25 if options.quick else 1.0)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        print(json.dumps({"machine": found, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
