#!/usr/bin/env python3
"""Validates the files of this folder against their schemas; prints each file that is valid, and ends with 1 for any that is not.

python3 -m venv build/deploy && build/deploy/bin/pip install kubernetes-validate==1.33.1 jsonschema==4.26.0
build/deploy/bin/python deploy/check.py
"""
import json
import pathlib
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).parent
KUBERNETES = "1.33"


def closed(schema):
    """Refuses unknown keys, as the API server does with strict field validation."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            closed(value)
    elif isinstance(schema, list):
        for value in schema:
            closed(value)
    return schema


def mpijob_schema():
    schema = json.loads((HERE / "testdata" / "mpijob.json").read_text())
    schema["properties"]["metadata"] = {"type": "object"}
    return closed(schema)


def check(document):
    if document["kind"] == "MPIJob":
        jsonschema.validate(document, mpijob_schema())
    else:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def main():
    failed = False
    for path in sorted(HERE.glob("*.yaml")) + sorted(HERE.glob("*.sh")):
        try:
            if path.suffix == ".sh":
                subprocess.run(["bash", "-n", path], check=True)
            else:
                for document in yaml.safe_load_all(path.read_text()):
                    check(document)
            print(path.name, "is valid")
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError, subprocess.CalledProcessError) as e:
            failed = True
            print(path.name, "is not:", str(e).splitlines()[0], file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
