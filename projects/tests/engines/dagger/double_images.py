"""What the double does with directories and containers: copies the one, builds the other."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from graphql import GraphQLError

# As BuildKit says it now, and as Docker 20.10's does.
FAILED_RUN = re.compile(
    r'process "/bin/sh -c (?P<now>.*?)" did not complete successfully: exit code: (?P<code>\d+)'
    r"|executor failed running \[/bin/sh -c (?P<then>.*?)\]: exit code: (?P<code_then>\d+)", re.DOTALL,
)


class DoubleImages:
    """Everything that was made, by the recipe it was made by: what is asked for twice is made once."""

    def __init__(self, with_docker: bool):
        self.with_docker = with_docker
        self.folder = Path(tempfile.mkdtemp(prefix="dagger-double-", dir=os.getcwd()))
        self._made: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, recipe) -> Any:
        """A directory as a folder, a container as the id of an image."""
        with self._lock:
            if recipe not in self._made:
                make = {"Directory": self._directory, "Container": self._container}[recipe.type]
                self._made[recipe] = make(recipe)
            return self._made[recipe]

    def export(self, recipe, name: str, forcedCompression: str, mediaTypes: str) -> None:
        """Tag the image, in the form that Docker 20.10 needs."""
        if (forcedCompression, mediaTypes) != ("Gzip", "DockerMediaTypes"):
            raise GraphQLError(f"This Docker cannot load {mediaTypes} with {forcedCompression}.")
        image = self.make(recipe)
        if self.with_docker:
            done = subprocess.run(["docker", "tag", image, name], capture_output=True, text=True)
            subprocess.run(["docker", "rmi", image], capture_output=True)
            if done.returncode:
                raise GraphQLError(done.stderr.strip())

    def _directory(self, recipe) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.folder)) / "context"
        for name, pairs in recipe.steps:
            arguments = dict(pairs)
            if name == "Host.directory":
                if not Path(arguments["path"]).is_dir():
                    raise GraphQLError(f"lstat {arguments['path']}: no such file or directory")
                shutil.copytree(arguments["path"], folder, symlinks=True)
                # Docker knows how to read these patterns.
                (folder / ".dockerignore").write_text("".join(f"{one}\n" for one in arguments.get("exclude") or ()))
            elif name == "Directory.withNewFile":
                (folder / arguments["path"]).write_text(arguments["contents"])
            elif name != "Query.host":
                raise GraphQLError(f"The double makes no directory by {name}.")
        return folder

    def _container(self, recipe) -> str:
        at = next(number for number, (name, _) in enumerate(recipe.steps) if name == "Directory.dockerBuild")
        arguments = dict(recipe.steps[at][1])
        folder = self._directory(type(recipe)("Directory", recipe.steps[:at]))
        labels = []
        for name, pairs in recipe.steps[at + 1:]:
            if name != "Container.withLabel":
                raise GraphQLError(f"The double makes no container by {name}.")
            labels.append(dict(pairs))
        dockerfile = folder / arguments.get("dockerfile", "Dockerfile")
        if not dockerfile.is_file():
            raise GraphQLError(f"failed to read dockerfile: open {dockerfile.name}: no such file or directory")
        build = self._with_docker if self.with_docker else self._on_paper
        return build(folder, dockerfile, arguments, labels)

    def _with_docker(self, folder: Path, dockerfile: Path, arguments: dict, labels: list[dict]) -> str:
        name = f"dagger-double:{secrets.token_hex(6)}"
        build = {
            "context": str(folder), "dockerfile": str(dockerfile), "target": arguments.get("target", ""),
            "args": {dict(pairs)["name"]: dict(pairs)["value"] for pairs in arguments.get("buildArgs") or ()},
            "labels": {one["name"]: one["value"] for one in labels}, "secrets": [],
            "platforms": [arguments["platform"]] if arguments.get("platform") else [],
        }
        content = {"name": "double", "services": {"it": {"image": name, "build": build}}, "secrets": {}}
        for secret in arguments.get("secrets") or ():
            given = dict(secret.steps[-1][1])
            file = folder.parent / f"secret-{given['name']}"
            file.write_text(given["plaintext"])
            build["secrets"].append(given["name"])
            content["secrets"][given["name"]] = {"file": str(file)}
        file = folder.parent / "compose.json"
        file.write_text(json.dumps(content))
        process = subprocess.Popen(
            ["docker", "compose", "--progress", "plain", "--file", str(file), "build"], text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        said = []
        for line in process.stdout:
            said.append(line)
            print(line, end="", file=sys.stderr, flush=True)
        if process.wait():
            text = "".join(said)
            failed = FAILED_RUN.search(text)
            if not failed:
                raise GraphQLError(text.strip().splitlines()[-1])
            command = json.loads(f'"{failed["now"]}"') if failed["now"] else failed["then"]
            raise exec_error(command, int(failed["code"] or failed["code_then"]), output_of(text))
        return name

    def _on_paper(self, folder: Path, dockerfile: Path, arguments: dict, labels: list[dict]) -> str:
        given = {dict(pairs)["name"]: dict(pairs)["value"] for pairs in arguments.get("buildArgs") or ()}
        for command in re.findall(r"^RUN (.*)$", dockerfile.read_text(), re.MULTILINE):
            done = subprocess.run(["/bin/sh", "-c", command], cwd=folder, env={"PATH": os.defpath, **given},
                                  capture_output=True, text=True)
            print(done.stdout, end="", file=sys.stderr, flush=True)
            if done.returncode:
                raise exec_error(command, done.returncode, done.stderr)
        return f"sha256:{len(self._made):064x}"


def output_of(text: str) -> str:
    """What the failed command wrote: BuildKit repeats it between two rulers, each line with its time before it."""
    lines = re.findall(r"^------$(.*?)^------$", text, re.MULTILINE | re.DOTALL)[-1].strip().splitlines()
    return "\n".join(line.partition(" ")[2] for line in lines[1:])


def exec_error(command: str, code: int, stderr: str) -> GraphQLError:
    """A command that failed, as the engine tells it."""
    return GraphQLError(
        f'process "/bin/sh -c {command}" did not complete successfully: exit code: {code}',
        extensions={"_type": "EXEC_ERROR", "cmd": ["/bin/sh", "-c", command], "exitCode": code, "stdout": "",
                    "stderr": stderr},
    )
