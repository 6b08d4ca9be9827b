"""The recipes' JSON Schema against the cases: check_schema.py PROGRAM FOLDER

A case with `expect` must fit the schema, the cases named here must not. Exit status 77 (skipped) without jsonschema.
"""

import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: this Python has no jsonschema")
    sys.exit(77)

# Mistakes that a schema can see (it knows no other files, no order of steps, no assignments).
REFUSED = [
    "evaluate-wrong", "items-wrong", "options-unknown", "planned-words", "root-is-a-list", "steps-wrong",
    "sweep-is-a-list", "sweep-wrong", "unknown-key", "unknown-key-everywhere", "unknown-plugins",
    "wrong-types-and-ranges", "task-made-in-place-wrong",
]

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
accepted = sorted(case.parent.name for case in folder.glob("*/expect"))
cases = [str(folder / name) for name in accepted + REFUSED]
document = json.loads(subprocess.run([program, "--json", *cases], check=True, capture_output=True).stdout)
jsonschema.Draft202012Validator.check_schema(document["schema"])
validator = jsonschema.Draft202012Validator(document["schema"])
wrong = 0
for name in accepted:
    for error in validator.iter_errors(document["recipes"][name]):
        print(f"{name}: refused: {error.json_path}: {error.message}")
        wrong += 1
for name in REFUSED:
    if validator.is_valid(document["recipes"][name]):
        print(f"{name}: accepted, but it is wrong")
        wrong += 1
print(f"{len(accepted)} recipes fit, {len(REFUSED)} do not; {wrong} surprises")
sys.exit(1 if wrong or not accepted else 0)
