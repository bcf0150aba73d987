"""What the engine and the builder say to each other: an order goes in as JSON, reports come out as lines of JSON.

In by standard input, because an order holds secrets, and arguments and environments can be read by others. The engine
keeps that input open: when it ends, the engine has died, and so does the builder, with all that it started.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from projects.engines.dagger.access import Access
from projects.engines.dagger.image import Image
from projects.engines.dagger.session import Limits


@dataclass(frozen=True, slots=True)
class Order:
    """Build these images. `environ` is what the CLI is started with, `folder` where."""

    access: Access
    images: tuple[Image, ...]
    environ: dict[str, str]
    folder: str
    limits: Limits

    def to_line(self) -> bytes:
        content = {
            "access": asdict(self.access), "images": [image.to_json() for image in self.images],
            "environ": self.environ, "folder": self.folder, "limits": asdict(self.limits),
        }
        return json.dumps(content).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        content = json.loads(line)
        return cls(
            Access(**content["access"]), tuple(map(Image.from_json, content["images"])), content["environ"],
            content["folder"], Limits(**content["limits"]),
        )


STAGES = ("read", "build", "export")
"""What is done for each image, in order: its context is read, it is built, and it is given to Docker."""

Kind = Literal["stage", "line", "failed", "finished"]


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that the builder says.

    `stage`: the stage `stage` of `service` has ended (`session` has no service), `text` says what came of it. `line`:
    `text` is a line that Dagger wrote. `failed`: `text` is one sentence for the user, `detail` the last lines, `line`
    the line of the Dockerfile. `finished`: every image is in Docker.
    """

    kind: Kind
    text: str = ""
    service: str = ""
    stage: str = ""
    detail: str = ""
    line: int | None = None

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Report:
        fields: dict[str, Any] = json.loads(line)
        return cls(**fields)
