"""The images that a Compose file has built: what Dagger is asked for, one per service with a build section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from projects.engines.base import Problem

DOCKERFILE = "Dockerfile"
# Where an inline Dockerfile stands in the copy of the context that Dagger builds from.
INLINE = ".hub-inline.Dockerfile"
# What Dagger does in its own way: it keeps its layers itself, and looks for newer base images at every build.
SAID_BY_DAGGER = frozenset({"cache_from", "cache_to", "pull", "provenance", "sbom", "isolation"})
BUILT_FROM = frozenset({
    "context", "dockerfile", "dockerfile_inline", "args", "target", "secrets", "labels", "platforms", "tags",
})
SECRET_LIMIT = 128_000


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a build: what `RUN --mount=type=secret,id=<id>` sees. It is `value`, or what `file` holds."""

    id: str
    file: str = ""
    value: str = ""

    def plaintext(self) -> str:
        """The secret itself. OSError when its file cannot be read."""
        return Path(self.file).read_text(encoding="utf-8") if self.file else self.value


@dataclass(frozen=True, slots=True)
class Image:
    """One image to build. `context` is an absolute path, `dockerfile` is relative to it or absolute; an `inline`
    Dockerfile stands in its place. `names` are what the image is called in Docker; the service runs the first."""

    service: str
    names: tuple[str, ...]
    context: str
    dockerfile: str = DOCKERFILE
    inline: str = ""
    args: tuple[tuple[str, str], ...] = ()
    target: str = ""
    platform: str = ""
    secrets: tuple[Secret, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def dockerfile_path(self) -> Path:
        """Where the Dockerfile is on this machine; of an inline one, where it would be."""
        return Path(self.context, self.dockerfile)

    def text(self) -> str:
        """The Dockerfile. OSError when it cannot be read."""
        return self.inline or self.dockerfile_path.read_text(encoding="utf-8", errors="replace")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Image:
        """What `to_json` gave, from JSON again: its lists are tuples here."""
        values = {field.name: content[field.name] for field in fields(cls)}
        values["secrets"] = tuple(Secret(**one) for one in values["secrets"])
        for name in ("args", "labels"):
            values[name] = tuple((key, value) for key, value in values[name])
        return cls(**{**values, "names": tuple(values["names"])})


def image_name(slug: str, service: str) -> str:
    """What the image of a service is called in Docker: as Compose itself would call it, so that two copies of a stack
    have two images, and what has not changed is not started anew."""
    return f"hub-{slug}-{service.lower()}"


def images_of(model: Mapping[str, Any], slug: str, env: Mapping[str, str]) -> list[Image]:
    """The images that the services of a resolved Compose file are built from, in its order.

    `model` is what `docker compose config` says: paths are absolute and variables are filled in. `env` holds the
    variables that secrets may be taken from.
    """
    found = []
    for service, spec in (model.get("services") or {}).items():
        build = spec.get("build")
        if build is None:
            continue
        if isinstance(build, str):
            build = {"context": build}
        found.append(Image(
            service=service,
            names=(image_name(slug, service), *(str(tag) for tag in build.get("tags") or ())),
            context=str(build.get("context") or "."),
            dockerfile=str(build.get("dockerfile") or DOCKERFILE),
            inline=str(build.get("dockerfile_inline") or ""),
            args=_pairs(build.get("args"), env),
            target=str(build.get("target") or ""),
            platform=str((build.get("platforms") or [spec.get("platform") or ""])[0]),
            secrets=_secrets(build.get("secrets") or (), model.get("secrets") or {}, env),
            labels=(*_pairs(build.get("labels"), {}), ("hub.project", slug)),
        ))
    return found


def run_by(model: Mapping[str, Any], images: list[Image]) -> dict[str, str]:
    """Service → name of the image that it runs: those that are built, and those that run what another one builds
    (`image: app` beside a service that builds and names `app`)."""
    chosen = {image.service: image.names[0] for image in images}
    services = model.get("services") or {}
    by_name = {str(services[image.service]["image"]): image.names[0]
               for image in images if services[image.service].get("image")}
    for service, spec in services.items():
        if service not in chosen and str(spec.get("image")) in by_name:
            chosen[service] = by_name[str(spec["image"])]
    return chosen


def build_problems(model: Mapping[str, Any], images: list[Image]) -> list[Problem]:
    """What would stop these builds, seen before anything is changed."""
    found = []
    for image in images:
        build = model["services"][image.service]["build"]
        if isinstance(build, dict):
            found += _unknown(image.service, build)
        found += _missing(image)
    return found


def _unknown(service: str, build: Mapping[str, Any]) -> list[Problem]:
    found = []
    unknown = sorted(
        key for key, value in build.items()
        if value and key not in BUILT_FROM | SAID_BY_DAGGER and not key.startswith("x-")
    )
    if unknown:
        found.append(Problem(
            "build", f"{service}: its build section uses {', '.join(unknown)}, which Hub cannot pass on to Dagger.",
            "Use the engine compose for this project, or leave it out.", service=service,
        ))
    if len(build.get("platforms") or ()) > 1:
        found.append(Problem(
            "build", f"{service}: its build section names several platforms, and only one can run here.",
            "Name one platform, or none.", service=service,
        ))
    return found


def _missing(image: Image) -> list[Problem]:
    if "://" in image.context or re.match(r"[\w.-]+@[\w.-]+:", image.context):
        return [Problem(
            "build", f"{image.service}: its build context is an address, and Hub lets Dagger build folders only.",
            "Clone it, and name the folder as the context.", service=image.service,
        )]
    if not Path(image.context).is_dir():
        return [Problem(
            "build", f"{image.service}: its build context {image.context} is not a folder.",
            "Put it back, or change `context`.", service=image.service,
        )]
    found = []
    if not image.inline and not image.dockerfile_path.is_file():
        found.append(Problem(
            "build", f"{image.service}: there is no {image.dockerfile_path}.",
            "Write it, or change `dockerfile`.", service=image.service,
        ))
    for secret in image.secrets:
        if secret.file and not Path(secret.file).is_file():
            found.append(Problem(
                "build", f"{image.service}: the file of its build secret {secret.id}, {secret.file}, is missing.",
                "Put it back, or change `secrets`.", service=image.service,
            ))
        elif not secret.file and not secret.value:
            found.append(Problem(
                "build", f"{image.service}: its build secret {secret.id} is empty.",
                "Set the variable it is taken from in the project's environment.", service=image.service,
            ))
        elif max(len(secret.value.encode()), Path(secret.file).stat().st_size if secret.file else 0) > SECRET_LIMIT:
            found.append(Problem(
                "build", f"{image.service}: its build secret {secret.id} is larger than {SECRET_LIMIT:,} bytes.",
                "Dagger takes smaller ones only.", service=image.service,
            ))
    return found


def _pairs(given: object, env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A mapping, or a list of `NAME=value`, as pairs; a name without a value takes the variable of that name."""
    if isinstance(given, Mapping):
        pairs = list(given.items())
    else:
        pairs = [tuple(str(one).split("=", 1)) if "=" in str(one) else (str(one), None) for one in given or ()]
    pairs = [(name, env.get(name) if value is None else value) for name, value in pairs]
    return tuple((str(name), _word(value)) for name, value in pairs if value is not None)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secrets(given: list[Any], known: Mapping[str, Any], env: Mapping[str, str]) -> tuple[Secret, ...]:
    found = []
    for one in given:
        source = one if isinstance(one, str) else str(one.get("source") or "")
        target = "" if isinstance(one, str) else str(one.get("target") or "")
        origin = known.get(source) or {}
        found.append(Secret(
            id=Path(target).name or source,
            file=str(origin.get("file") or ""),
            value=env.get(str(origin.get("environment")), "") if origin.get("environment") else "",
        ))
    return tuple(found)
