"""A browser in front of each adapter: it loads, reloads as by F5, and seeks in media. What it holds is
revalidated by a 304, and is never what the file was before.

Chromium is Debian's package of that name, driven by Playwright.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import ADAPTERS, JUST_AFTER, Origin, browsing, serving, shown

pytestmark = pytest.mark.thread_unsafe(reason="a browser in front of one origin, whose requests are counted")

OLD = "the first version"
NEW = "the other version"  # of the same size
MEDIA_SECONDS = 100


@pytest.fixture(params=ADAPTERS)
def origin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Origin]:
    directory = tmp_path / "served"
    directory.mkdir()
    with serving(request.param, directory) as origin:
        yield origin


def page_of(text: str) -> bytes:
    """A page with a script of its own file, which shows the text in full."""
    return f"""<!doctype html><title>page</title><link rel=icon href="data:,">
<pre data-text="{text}"></pre><script src="script.js"></script>""".encode()


SCRIPT = b"""const at = document.querySelector("pre"); at.textContent = at.dataset.text + ", by script";"""


def test_reload(origin: Origin, tmp_path: Path) -> None:
    """A reload revalidates the page itself, and what it is made of where that is not fresh."""
    origin.write("page.html", page_of(OLD))
    origin.write("script.js", SCRIPT)
    with browsing(tmp_path / "profile") as page:
        page.goto(origin.url("page.html"))
        assert shown(page) == f"{OLD}, by script"
        document = page.content()
        page.reload()
        assert shown(page) == f"{OLD}, by script"
        assert page.content() == document
        origin.write("page.html", page_of(NEW), JUST_AFTER)
        page.reload()
        assert shown(page) == f"{NEW}, by script"
        page.reload()
        assert shown(page) == f"{NEW}, by script"
    assert origin.statuses("page.html") == [200, 304, 200, 304]
    assert ["if-none-match" in seen.names for seen in origin.about("page.html")] == [False, True, True, True]
    first, *others = origin.statuses("script.js")
    assert first == 200
    assert set(others) <= {304}


TWICE = b"""<!doctype html><title>page</title><link rel=icon href="data:,"><pre></pre>
<script>
(async () => {
  const found = [];
  for (let i = 0; i < 2; i++)
    found.push(await (await fetch("file.txt", {cache: "no-cache"})).text());
  document.querySelector("pre").textContent = found;
})();
</script>
"""


def test_fetch(origin: Origin, tmp_path: Path) -> None:
    """Twice in one page, and again from the disk cache of the run before."""
    origin.write("page.html", TWICE)
    origin.write("file.txt", OLD.encode())
    for text in (OLD, NEW):
        with browsing(tmp_path / "profile") as page:
            page.goto(origin.url("page.html"))
            assert shown(page) == f"{text},{text}"
        origin.write("file.txt", NEW.encode(), JUST_AFTER)
    assert origin.statuses("file.txt") == [200, 304, 200, 304]
    assert [seen.conditional for seen in origin.about("file.txt")] == [False, True, True, True]


MEDIA_PAGE = b"""<!doctype html><title>page</title><link rel=icon href="data:,"><pre></pre>
<script>
const media = new Audio("media.wav");
const show = (text) => { document.querySelector("pre").textContent = text; };
media.preload = "auto";
media.muted = true;
media.onloadedmetadata = () => { media.currentTime = media.duration - 1; };
media.onseeked = () => show(media.currentTime);
media.onerror = () => show(media.error.message);
</script>
"""


def test_seek_in_media(origin: Origin, tmp_path: Path) -> None:
    """What is cached of a file is added to, if that is still the same file."""
    with wave.open(str(tmp_path / "media.wav"), "wb") as media:
        media.setnchannels(2)
        media.setsampwidth(2)
        media.setframerate(48_000)
        media.writeframes(bytes(4 * 48_000 * MEDIA_SECONDS))
    origin.write("media.wav", (tmp_path / "media.wav").read_bytes())
    origin.write("page.html", MEDIA_PAGE)
    with browsing(tmp_path / "profile") as page:
        page.goto(origin.url("page.html"))
        assert shown(page) == str(MEDIA_SECONDS - 1)
    first, *others = origin.about("media.wav")
    assert (first.status, "if-range" in first.names) == (206, False)
    assert others
    assert all(seen.status == 206 and "if-range" in seen.names for seen in others)
