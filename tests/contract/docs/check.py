"""Runs the documents and the specification's examples; see `run`."""

import re
import sys
from pathlib import Path

import documents
import reference
from server import Server

ROOT = Path(__file__).resolve().parents[3]


def main(names):
    failed = []

    def report(title, passed, why):
        print(f"ok    {title}" if passed else f"FAIL  {title}\n{why}", flush=True)
        if not passed:
            failed.append(title)

    pages = {path.name: path for path in sorted((ROOT / "docs").glob("*.md"))}
    known = [*pages, "main-readme", "reference"]
    if unknown := set(names) - set(known):
        raise SystemExit(f"no such document: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    wanted = set(names or known)
    with Server() as server:
        setup = pages["README.md"].read_text()
        for name, path in pages.items():
            if name in wanted:
                text = "" if name == "README.md" else path.read_text()
                documents.run(server, name, text, setup, report)
        if "main-readme" in wanted:
            main_readme(server, setup, report)
        if "reference" in wanted:
            reference.run(server, report)
    if failed:
        raise SystemExit(f"{len(failed)} failed")


def main_readme(server, setup, report):
    """The curl lines of the project's README; its invented credentials and ids become the demo's."""
    text = (ROOT / "README.md").read_text()
    curls = "".join(
        f"```sh\n{block.text}```\n"
        for block in documents.blocks(text)
        if block.language == "sh" and re.search(r"(^|\()curl ", block.text, re.MULTILINE)
    )
    curls = re.sub(r"manager@demo-\w+\.example", "'$EMAIL'", curls).replace('"password": "…"', '"password": "\'$PASSWORD\'"')
    ids = """```sh
TASK_OF_TODAY=$(curl -s $URL/v1/tasks?status=open\\&limit=1 -H "authorization: Bearer $API_KEY")
export TASK=$(jq -r '.data[0].id' <<<"$TASK_OF_TODAY") CONTACT=$(jq -r '.data[0].contact_id' <<<"$TASK_OF_TODAY")
```
"""
    documents.run(server, "main-readme", ids + curls, setup, report)


if __name__ == "__main__":
    main(sys.argv[1:])
