"""Runs the fenced blocks of a document as a reader would, in order, and compares what they say with what happens.

- `sh` blocks share one shell; `ts` (type-checked), `js` (as on a web page) and `python` blocks in a row are one program; the form of an
  `html` block is filled in and submitted. Variables exported by the shell reach all of them; in html and js `$NAME` is replaced by its value.
- `# → text` (`// →`, `<!-- → -->`) is a line of output to come, in this order; `…` in it stands for anything.
- An sh block that announces nothing must have every curl answered with success.
- A block marked `no-run REASON` is left out. Other languages (json, text) only show something.
"""

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CONTRACT = HERE.parent
ADDRESS = "http://127.0.0.1:8080"
FENCE = re.compile(r"^```(\w+)(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANNOUNCED = re.compile(r"(?:#|//|<!--) → (.*?)(?: -->)?$", re.MULTILINE)
RUN = {"sh": "", "ts": "run_ts", "js": "run_js", "python": "run_python", "html": "run_html"}

PRELUDE = f"""
set -euo pipefail
sleep() {{ command sleep $((3 * $1)); }} # the server of the tests is busier than a reader's
run_ts() {{
    {CONTRACT}/node_modules/.bin/tsc --strict --target es2022 --module esnext --moduleResolution bundler --types node "$1"
    node "${{1%.ts}}.js"
}}
run_js() {{ {sys.executable} {HERE}/page.py fill "$1"; node --import {HERE}/page.mjs "$1"; }}
run_python() {{ python "$1"; }}
run_html() {{ {sys.executable} {HERE}/page.py fill "$1"; {sys.executable} {HERE}/page.py submit "$1"; }}
"""
STRICT = 'curl() { command curl --fail-with-body "$@"; }'
LENIENT = "unset -f curl"


class Block(NamedTuple):
    language: str
    info: str
    text: str


class Program(NamedTuple):
    language: str
    text: str

    def announced(self):
        return [line.strip() for line in ANNOUNCED.findall(self.text)]


def blocks(text):
    return [Block(language, info.strip(), body) for language, info, body in FENCE.findall(text)]


def programs(found):
    """Blocks in a row of one language are one program; sh blocks stay as they are, for each announces its own outcome."""
    runnable = [block for block in found if block.language in RUN and not block.info.startswith("no-run")]
    for language, row in groupby(runnable, lambda block: block.language):
        texts = [block.text for block in row]
        yield from (Program(language, text) for text in (texts if language in ("sh", "html") else ["\n".join(texts)]))


def script(parts, home):
    lines = [PRELUDE]
    for number, part in enumerate(parts):
        lines.append(f"exec >{home}/{number}.out")
        if part.language == "sh":
            lines += [LENIENT if part.announced() else STRICT, part.text]
        else:
            (home / f"program{number}.{part.language}").write_text(part.text)
            lines.append(f"{RUN[part.language]} program{number}.{part.language}")
    return "\n".join(lines)


def disagreement(announced, printed):
    """The first announced line that does not come after the ones before it, if any."""
    lines = iter(printed.splitlines())
    for line in announced:
        pattern = re.compile(".*".join(re.escape(piece) for piece in line.split("…")))
        if not any(pattern.fullmatch(candidate.strip()) for candidate in lines):
            return line
    return None


def run(server, document, text, setup, report):
    """Runs one document in a directory of its own, with a demo of its own."""
    home = server.home / document
    home.mkdir()
    (home / "node_modules").symlink_to(CONTRACT / "node_modules")
    (home / "package.json").write_text('{"type": "module"}')
    tools = server.home / "bin"
    if not tools.exists():
        tools.mkdir()
        (tools / "kartoteka").symlink_to(Path(server.binary).resolve())
    path = os.pathsep.join([str(tools), str(CONTRACT / ".venv/bin"), server.environment["PATH"]])
    found = blocks((setup + text).replace(ADDRESS, server.url))
    parts = list(programs(found))
    done = subprocess.run(
        ["bash", "-c", script(parts, home)],
        cwd=home,
        env=server.environment | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    announced = 0
    for number, part in enumerate(parts):
        output = home / f"{number}.out"
        printed = output.read_text() if output.exists() else ""
        ended = not output.exists() or (done.returncode != 0 and not (home / f"{number + 1}.out").exists())
        missing = disagreement(part.announced(), printed)
        if ended or missing:
            why = f"the document ended here, status {done.returncode}\n{done.stderr[-3000:]}" if ended else f"not printed: {missing}"
            return report(document, False, f"{why}\n--- block ---\n{part.text}--- output ---\n{printed[-3000:]}")
        announced += len(part.announced())
    left_out = sum(block.info.startswith("no-run") for block in found)
    return report(f"{document}: {len(parts)} programs, {announced} outcomes, {left_out} blocks not run", True, "")
