"""The page in a real browser, on the real bundled model."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve.conftest import picture_bytes, running

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
]
EXAMPLE = Path(__file__).parents[2] / "examples" / "chair.png"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """Headless Chromium that can reach this machine only and downloads into `tmp_path`."""
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader",
                     "--enable-unsafe-swiftshader", "--window-size=1280,900",
                     "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):  # fmt: skip
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


def until(condition: Any, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return value


def screenshot(browser: Any, name: str) -> None:
    """Kept where PAGE_SHOTS says, for people to look at."""
    if folder := os.environ.get("PAGE_SHOTS"):
        browser.save_screenshot(f"{folder}/{name}.png")


def test_a_picture_becomes_a_model_on_the_page(browser: Any, tmp_path: Path) -> None:
    with running(tmp_path / "site", "--preload") as site:
        browser.get(site.url)
        find = lambda css: browser.find_element("css selector", css)  # noqa: E731
        until(lambda: browser.execute_script("return document.querySelector('[name=model]').options.length"))
        screenshot(browser, "1-empty")
        find("input[name=front]").send_keys(str(EXAMPLE))
        until(lambda: find("#make").is_enabled())
        browser.execute_script("document.querySelector('[name=faces]').value = 2000")
        browser.execute_script("document.querySelector('[name=resolution]').value = 128")
        find("#make").click()
        until(lambda: find("#preview").is_displayed() or find("#viewer").is_displayed())
        screenshot(browser, "2-working")
        until(lambda: browser.execute_script("return document.getElementById('viewer').loaded"))
        drawn = lambda: browser.execute_async_script(  # noqa: E731
            "const done = arguments[0], v = document.getElementById('viewer');"
            "v.toBlob().then(b => createImageBitmap(b)).then(i => { const c = new OffscreenCanvas(i.width, i.height);"
            "const x = c.getContext('2d'); x.drawImage(i, 0, 0);"
            "const d = x.getImageData(0, 0, i.width, i.height).data;"
            "let n = 0; for (let k = 3; k < d.length; k += 4) n += d[k] > 250; done(4 * n / d.length); })"
        )
        until(lambda: drawn() > 0.05)  # the model covers part of the canvas
        screenshot(browser, "3-done")
        links = {link.text.split()[0]: link for link in browser.find_elements("css selector", "#downloads a")}
        assert {"GLB", "OBJ", "PLY", "STL", "3MF"} <= set(links)
        links["GLB"].click()
        until(lambda: (tmp_path / "model.glb").exists())
        assert (tmp_path / "model.glb").read_bytes().startswith(b"glTF")
        browser.set_window_size(390, 844)
        screenshot(browser, "4-phone")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        browser.refresh()
        until(lambda: browser.find_elements("css selector", "#list button"))
        find("#list button").click()
        until(lambda: browser.execute_script("return document.getElementById('viewer').loaded"))
        severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert not severe, severe


def test_the_page_asks_for_a_key_and_tells_what_is_wrong(browser: Any, tmp_path: Path) -> None:
    from maquette.serve.auth import Keys
    from maquette.serve.tables import open_database

    folder = tmp_path / "site"
    folder.mkdir()
    key = Keys(open_database(f"sqlite:///{folder / 'jobs.sqlite'}")).create("me")
    with running(folder, "--auth", "--workers", "0") as site:
        site.work()
        browser.get(site.url)
        find = lambda css: browser.find_element("css selector", css)  # noqa: E731
        until(lambda: find("#key").is_displayed())
        screenshot(browser, "5-key")
        find("#key").send_keys(key)
        find("#key-dialog button").click()
        until(lambda: browser.execute_script("return document.querySelector('[name=model]').options.length"))
        picture = tmp_path / "disc.png"
        picture.write_bytes(picture_bytes())
        find("input[name=front]").send_keys(str(picture))
        browser.execute_script("document.querySelector('[name=seed]').value = 13")
        find("#make").click()
        until(lambda: "shows nothing" in find("#fault").text)
        screenshot(browser, "6-fault")
