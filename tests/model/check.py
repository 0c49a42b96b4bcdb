#!/usr/bin/env python3
"""Runs the models in libcommon/ring/model through SPIN: the protocol must hold, and each thing that it can't do
without must be missed when it is left out, else the model proves nothing.

    check.py [--deep]        --deep: more frames and rounds, some minutes and gigabytes
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODELS = pathlib.Path(__file__).resolve().parents[2] / "libcommon" / "ring" / "model"
HOLDS, FAILS = "holds", "fails"

# (model, definitions, what must come out). FRAMES and ROUNDS: see publish.pml.
SMALL = ["FRAMES=4", "ROUNDS=2"]
CHECKS = [
    ("publish", SMALL, HOLDS),
    ("publish", ["FRAMES=5", "ROUNDS=1"], HOLDS),
    ("publish", SMALL + ["WITHOUT_CLAIM_FENCE"], FAILS),
    ("publish", SMALL + ["WITHOUT_ODD"], FAILS),
    ("publish", SMALL + ["WITHOUT_COMMIT_FENCE"], FAILS),
    ("publish", SMALL + ["WITHOUT_HEAD_RELEASE"], FAILS),
    ("publish", SMALL + ["WITHOUT_WORD_RELEASE"], FAILS),
    ("publish", SMALL + ["WITHOUT_WORD_ACQUIRE"], FAILS),
    ("publish", SMALL + ["WITHOUT_WORD_FIRST"], FAILS),
    ("publish", SMALL + ["WITHOUT_HEAD_ACQUIRE"], FAILS),
    ("publish", SMALL + ["WITHOUT_READ_FENCE"], FAILS),
    ("publish", SMALL + ["WITHOUT_SEQ_AGAIN"], FAILS),
    ("publish", SMALL + ["WITHOUT_VALID_FENCE"], FAILS),
    ("publish", SMALL + ["WITHOUT_INTENT_LATE"], FAILS),
    ("publish", SMALL + ["NEVER_VALID"], FAILS),
    ("publish", SMALL + ["NEVER_TORN"], FAILS),
    # Belt and braces: the head's release and acquire cover these for a reader that goes by the head, and
    # the intent covers the payload. They guard against readers that don't, and against broken writers.
    ("publish", SMALL + ["WITHOUT_SEQ_RELEASE"], HOLDS),
    ("publish", SMALL + ["WITHOUT_SEQ_ACQUIRE"], HOLDS),
    ("publish", SMALL + ["WITHOUT_SEQ_LATE"], HOLDS),
    ("takeover", [], HOLDS),
    ("takeover", ["WITHOUT_SAME_FILE"], FAILS),
    ("takeover", ["WITHOUT_LOCK_ORDER"], FAILS),
]
DEEP = [
    ("publish", ["FRAMES=5", "ROUNDS=2"], HOLDS),
    ("publish", ["FRAMES=4", "ROUNDS=3"], HOLDS),
    ("takeover", ["WRITERS=4"], HOLDS),
]


def explore(model, definitions):
    """Returns what came out, and the number of states that were looked at."""
    with tempfile.TemporaryDirectory(prefix="camring-model-") as directory:
        def run(*command):
            return subprocess.run(command, cwd=directory, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        made = run("spin", *(f"-D{d}" for d in definitions), "-a", str(MODELS / f"{model}.pml"))
        if made.returncode != 0 or "error" in made.stdout.lower():
            sys.exit(f"spin refuses {model}: {made.stdout}")
        # Only assertions are asked for; the vector is large because every location keeps its history.
        built = run(os.environ.get("CC", "cc"), "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DNOCLAIM", "-DVECTORSZ=2048",
                    "-DMEMLIM=4096", "-o", "pan", "pan.c")
        if built.returncode != 0:
            sys.exit(f"cc refuses {model}: {built.stdout}")
        out = run("./pan", "-m100000", "-w20").stdout
    states = int(re.search(r"(\d+) states, stored", out).group(1))
    if "assertion violated" in out:
        return FAILS, states
    # "errors: 0" alone could also mean that the search gave up.
    if "errors: 0" not in out or "max search depth too small" in out or "Search not completed" in out:
        sys.exit(f"{model} {definitions}: the search is not complete\n{out}")
    return HOLDS, states


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--deep", action="store_true", help="more frames and rounds")
    deep = options.parse_args().deep
    for program in ("spin", "cc"):
        if shutil.which(program) is None:
            print(f"skipped: no {program} here")
            return 77
    wrong = 0
    for model, definitions, expected in CHECKS + (DEEP if deep else []):
        start = time.monotonic()
        result, states = explore(model, definitions)
        mark = "ok   " if result == expected else "WRONG"
        print(f"{mark} {model} {' '.join(definitions)}: {result}, {states} states, "
              f"{time.monotonic() - start:.1f} s", flush=True)
        wrong += result != expected
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
