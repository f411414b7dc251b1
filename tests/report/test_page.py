"""Reports: pages that are whole, load nothing, escape what they show, and fit a phone by day and by night."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.cli import main
from codegen.problem.targets import target_named
from codegen.report import c_text, roofline, svg

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VOID = {"meta", "br", "img", "link"}
SPEC = """
conv1d stem { filters = 8, kernel_size = 3, dilation_rate = 4, padding = causal, input_shape = (200, 2) }
conv1d_transpose up { filters = 3, kernel_size = 4, strides = 2, input_shape = (None, 5) }
separable_conv1d both { filters = 6, kernel_size = 70, input_shape = (100, 4), activation = tanh }
conv1d a { filters = 4, kernel_size = 5, padding = same }
model net {
    input x = (None, 4)
    output y = tanh(a(x)) + x
}
"""


class Balance(HTMLParser):
    """Which tags are open, and all text outside of styles."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [tag] if tag not in VOID else []
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "net.conv").write_text(SPEC)
    assert main.main(["report", str(folder / "net.conv"), "--target", "avx2", "-o", str(folder / "r.html")]) == 0
    return folder / "r.html"


def test_a_page_is_whole(page: Path) -> None:
    text = page.read_text("utf-8")
    found = Balance()
    found.feed(text)
    assert found.open == []
    assert found.ids == ["model-net", "layer-stem", "layer-up", "layer-both", "layer-a"][: len(found.ids)]
    assert len(found.ids) >= 4
    for stage in ("", " of the depthwise stage", " of the pointwise stage"):
        assert f"<h3>What an output{stage} reads</h3>" in text
    words = "".join(found.words)
    for told in (
        "3 taps, 4 apart",
        "1 zero between",
        "peak of avx2: 32",
        "static void",
        "Algorithms that do not serve",
    ):
        assert told in words, told
    assert re.search(r"receptive field\s*9 steps", words)
    assert re.search(r"in blocks of 64\s*latency .* bytes moved; .* bytes of flash, .* of stack", words)
    assert words.count("bytes of flash, of which") == 2, "the graph does not say again what the table says"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<script|<link|<img|url\(", text), "it loads nothing"


def test_the_same_page_again(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = page.read_bytes()
    again = page.parent / "again.html"
    words = ["report", str(page.parent / "net.conv"), "--target", "avx2", "-o", str(again), "--json"]
    assert main.main(words) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(again)
    assert again.read_bytes() == before


def test_a_layer_of_int8_without_weights_has_all_but_its_c(tmp_path: Path) -> None:
    words = "filters = 3, kernel_size = 5, strides = 2, dtype = int8, input_scale = 0.1, output_scale = 0.2, "
    words += "input_zero_point = 3, output_zero_point = -4"
    (tmp_path / "q.conv").write_text(f"conv1d q {{ input_shape = (40, 4), {words} }}")
    page = tmp_path / "q.html"
    assert main.main(["report", str(tmp_path / "q.conv"), "--target", "cortex-m4", "-o", str(page)]) == 0
    text = page.read_text("utf-8")
    assert "5 taps, the next output 2 steps on" in text
    assert "peak of cortex-m4" in text
    assert "<pre>" not in text


def test_c_is_shown_as_it_is() -> None:
    text = '#include "a.h"\n/* 1 < 2 & <b> */\nstatic int f(void) { return 0x1F + 2.5e-3f; }\n' + "\n".join(
        ["x;"] * 2_000
    )
    shown = c_text.highlighted(text)
    assert '<span class="p">#include &quot;a.h&quot;</span>' in shown
    assert '<span class="c">/* 1 &lt; 2 &amp; &lt;b&gt; */</span>' in shown
    assert '<span class="k">return</span> <span class="n">0x1F</span> + <span class="n">2.5e-3f</span>;' in shown
    assert shown.endswith("503 more lines</span></pre>")


def test_peaks_are_of_vectors_and_units() -> None:
    assert [roofline.peak(target_named(name), 4) for name in ("scalar", "avx2", "avx512")] == [4, 32, 38.4]
    assert roofline.peak(target_named("avx2"), 8) == 16


def pixels(file: Path) -> Any:
    """An 8-bit PNG as (rows, columns, channels)."""
    data, at, found, width, height, kind = file.read_bytes(), 8, b"", 0, 0, 0
    while at < len(data):
        (size,), name = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack(">IIBB", body[:10])
            assert depth == 8
        found += body if name == b"IDAT" else b""
        at += size + 12
    deep = {2: 3, 6: 4}[kind]
    lines = np.frombuffer(zlib.decompress(found), np.uint8).reshape(height, 1 + width * deep)
    made = np.zeros((height, width, deep), np.uint8)
    above = np.zeros((width, deep), np.int64)
    for row, line in enumerate(lines):
        above = _unfiltered(int(line[0]), line[1:].reshape(width, deep).astype(np.int64), above)
        made[row] = above
    return made


def _unfiltered(kind: int, line: Any, above: Any) -> Any:
    """A line of a PNG before its filter: 0 none, 1 left, 2 above, 3 their mean, 4 Paeth's."""
    if kind == 0:
        return line
    if kind == 2:
        return (line + above) % 256
    if kind == 1:
        return np.cumsum(line, axis=0) % 256
    left = corner = np.zeros(line.shape[1], np.int64)
    found = np.empty_like(line)
    for x, (value, up) in enumerate(zip(line, above, strict=True)):
        if kind == 3:
            left = (value + (left + up) // 2) % 256
        else:
            guess = left + up - corner
            far = np.abs(guess - left), np.abs(guess - up), np.abs(guess - corner)
            near = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], up, corner))
            left = (value + near) % 256
        corner, found[x] = up, left
    return found


def browse(*words: str) -> str:
    assert BROWSER
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")
    done = subprocess.run([BROWSER, *flags, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


@pytest.mark.live
@pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt install chromium")
def test_it_fits_a_phone_by_day_and_by_night(page: Path, tmp_path: Path, share: Callable[..., Any]) -> None:
    for dark, paper in share(((False, svg.LIGHT["paper"]), (True, svg.DARK["paper"])), 2):
        shot = tmp_path / "shot.png"
        night = ["--blink-settings=preferredColorScheme=0"] if dark else []
        browse(*night, "--window-size=500,1200", f"--screenshot={shot}", page.as_uri())
        seen = pixels(shot)[..., :3]
        wanted = [int(paper[at : at + 2], 16) for at in (1, 3, 5)]
        is_paper = (seen == wanted).all(axis=-1)
        assert is_paper[:, :4].all(), "the margin is paper, and nothing runs into it"
        assert is_paper[:, -4:].all()
        assert 0.5 < is_paper.mean() < 0.97, "there are words and pictures on it"
    tell = "<script>document.title = document.documentElement.scrollWidth + '/' + innerWidth</script></body>"
    (tmp_path / "told.html").write_text(page.read_text("utf-8").replace("</body>", tell), "utf-8")
    told = browse("--window-size=500,1200", "--dump-dom", (tmp_path / "told.html").as_uri())
    wide, room = re.search(r"<title>(\d+)/(\d+)</title>", told).groups()  # type: ignore[union-attr]  # else it fails
    assert int(wide) <= int(room), "nothing is wider than a phone"
