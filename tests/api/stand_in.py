"""A few files that stand for the built dashboard."""

import gzip
from pathlib import Path

PAGE = "<!doctype html><title>axiomd</title><div id=root></div>" + " " * 600
SCRIPT = "export const answer = 42;\n" * 100
BR = b"this stands for what brotli makes"


def make_webui(directory: Path) -> Path:
    """The files, with compressed siblings of two of them."""
    files = {
        "index.html": PAGE.encode(),
        "index.html.gz": gzip.compress(PAGE.encode()),
        "docs.html": b"<!doctype html><title>docs</title>",
        "favicon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "assets/app-1a2b.js": SCRIPT.encode(),
        "assets/app-1a2b.js.br": BR,
        "assets/app-1a2b.js.gz": gzip.compress(SCRIPT.encode()),
        "assets/odd.gz": b"nobody's sibling",
        "assets/inter.woff2": b"wOF2",
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
