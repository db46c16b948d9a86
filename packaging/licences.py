#!/usr/bin/env python3
"""Prints the licences of the crates that the program contains, with their texts.

    python3 packaging/licences.py > LICENCES.txt

Reads what cargo has downloaded. A crate without a file of its licence is named with the identifier of it.
"""

import json
import pathlib
import re
import subprocess
import sys

FILE_NAME = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def target():
    """Returns the target of this machine, for which the program is built."""
    version = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.search(r"^host: (.*)$", version, re.MULTILINE).group(1)


def metadata():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target()]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def linked_packages(data):
    """Returns the identifiers of the crates that are linked into the program, without those of tests and of the build."""
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    found, waiting = set(), [data["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found - {data["resolve"]["root"]}


def texts_of(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and FILE_NAME.search(path.name))
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]


def main():
    data = metadata()
    linked = linked_packages(data)
    packages = sorted((p for p in data["packages"] if p["id"] in linked), key=lambda p: (p["name"], p["version"]))
    users = {}
    print("Reelay contains these crates, each under the licence behind its name. The texts follow.\n")
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or "see its text"
        print(f"  {name}: {licence}")
        for text in texts_of(package):
            users.setdefault(text, []).append(name)
    font = pathlib.Path(__file__).resolve().parent.parent / "assets/fonts/LICENSE-IBM-Plex.txt"
    users.setdefault(font.read_text(encoding="utf-8").strip(), []).append("IBM Plex Sans, the font of the window")
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        print("\n" + "-" * 100)
        print(", ".join(names) + ":\n")
        print(text)


if __name__ == "__main__":
    sys.exit(main())
