"""The images that a Compose file has built: what Dagger is asked for, one per service with a build section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from projects.engines.base import Problem

DOCKERFILE = "Dockerfile"
# Where an inline Dockerfile stands in the copy of the context that Dagger builds from.
INLINE = ".hub-inline.Dockerfile"
BUILT_FROM = frozenset({
    "context", "dockerfile", "dockerfile_inline", "args", "target", "secrets", "labels", "platforms",
})
# Dagger keeps its layers itself, and looks for newer base images at every build; names of images are Hub's to give, so
# that no copy of a stack takes another's.
LEFT_TO_OTHERS = frozenset({"cache_from", "cache_to", "pull", "provenance", "sbom", "isolation", "tags"})
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
    """One image to build. `name` is what it is called in Docker. `context` is an absolute path, `dockerfile` is
    relative to it or absolute; an `inline` Dockerfile stands in its place."""

    service: str
    name: str
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
        return cls(**values)


def images_of(document: Mapping[str, Any], env: Mapping[str, str], name_of: Callable[[str], str],
              labels: Mapping[str, str]) -> list[Image]:
    """The images that the services of a Compose file are built from, in its order.

    `document` is the file as Compose resolved it: paths are absolute and variables are filled in. `env` holds the
    variables that secrets may be taken from, `name_of` says what the image of a service is called, and each image gets
    these `labels` beside its own.
    """
    found = []
    for service, spec in (document.get("services") or {}).items():
        build = spec.get("build")
        if not build:
            continue
        found.append(Image(
            service=service,
            name=name_of(service),
            context=str(build.get("context") or "."),
            dockerfile=str(build.get("dockerfile") or DOCKERFILE),
            inline=str(build.get("dockerfile_inline") or ""),
            args=_pairs(build.get("args"), env),
            target=str(build.get("target") or ""),
            platform=str((build.get("platforms") or [spec.get("platform") or ""])[0]),
            secrets=_secrets(build.get("secrets") or (), document.get("secrets") or {}, env),
            labels=(*_pairs(build.get("labels"), {}), *labels.items()),
        ))
    return found


def run_by(document: Mapping[str, Any], images: list[Image]) -> dict[str, str]:
    """Service → name of the image that it runs: those that are built, and those that run what another one builds
    (`image: app` beside a service that builds and names `app`)."""
    chosen = {image.service: image.name for image in images}
    services = document.get("services") or {}
    by_name = {str(services[image.service]["image"]): image.name
               for image in images if services[image.service].get("image")}
    for service, spec in services.items():
        if service not in chosen and str(spec.get("image")) in by_name:
            chosen[service] = by_name[str(spec["image"])]
    return chosen


def build_problems(document: Mapping[str, Any], images: list[Image]) -> list[Problem]:
    """What Dagger could not build, beside a folder or a Dockerfile that is not there: that is told of every engine."""
    found = []
    for image in images:
        found += _unknown(image.service, document["services"][image.service]["build"])
        if "://" in image.context or image.context.startswith("git@"):
            found.append(Problem(
                "build", f"{image.service}: its build context is an address, and Hub lets Dagger build folders only.",
                "Clone it, and name the folder as the context.", service=image.service,
            ))
        found += [problem for secret in image.secrets if (problem := _secret_problem(image.service, secret))]
    return found


def _unknown(service: str, build: Mapping[str, Any]) -> list[Problem]:
    found = []
    unknown = sorted(
        key for key, value in build.items()
        if value and key not in BUILT_FROM | LEFT_TO_OTHERS and not key.startswith("x-")
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


def _secret_problem(service: str, secret: Secret) -> Problem | None:
    """A secret that is missing, empty, or too large for Dagger."""
    start = f"{service}: its build secret {secret.id}"
    if secret.file and not Path(secret.file).is_file():
        return Problem("build", f"{start} is to come from {secret.file}, which does not exist.",
                       "Put it back, or change `secrets`.", service=service)
    try:
        size = len(secret.plaintext().encode())
    except (OSError, ValueError) as error:
        return Problem("build", f"{start} cannot be read from {secret.file}: {error}.", "Dagger takes text only.",
                       service=service)
    if not size:
        return Problem("build", f"{start} is empty.",
                       "Set the variable it is taken from in the project's environment.", service=service)
    if size > SECRET_LIMIT:
        return Problem("build", f"{start} is larger than {SECRET_LIMIT:,} bytes.", "Dagger takes smaller ones only.",
                       service=service)
    return None


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
