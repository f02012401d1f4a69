"""Counts what the specification holds: `count.py openapi.yaml`."""

import sys

import yaml


def examples(value) -> int:
    if isinstance(value, dict):
        return ("example" in value) + len(value.get("examples") or {}) + sum(examples(inner) for name, inner in value.items() if name not in ("example", "examples"))
    return sum(map(examples, value)) if isinstance(value, list) else 0


with open(sys.argv[1], encoding="utf-8") as file:
    document = yaml.safe_load(file)
operations = [operation for item in document["paths"].values() for operation in item.values()]
answers = [(status, answer) for operation in operations for status, answer in operation["responses"].items()]
links = sum(len(answer.get("links", {})) for _, answer in answers)
print(
    f"{len(operations)} operations, {len(answers)} documented statuses, {len(document['components']['schemas'])} schemas, "
    f"{examples(document['paths']) + examples(document['components'])} examples, {links} links"
)
