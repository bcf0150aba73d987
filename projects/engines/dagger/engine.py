"""The dagger engine: a Compose stack whose images are built by Dagger."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from projects.engines.base import EngineError, Problem, Step
from projects.engines.compose import images as docker_images
from projects.engines.compose.engine import CHECK, ComposeEngine
from projects.engines.compose.naming import HUB_REVISION, image_name, image_repository, labels_for
from projects.engines.compose.start import in_turn, ready_step
from projects.engines.dagger.access import access, access_problem
from projects.engines.dagger.build import build, build_plan
from projects.engines.dagger.image import Image, build_problems, images_of, run_by
from projects.engines.dagger.session import Limits
from projects.stacks.spec import Stack

LATEST = "latest"


class DaggerEngine(ComposeEngine):
    """See `projects.engines.base.Engine` for what every method promises.

    Dagger builds the images and gives them to Docker; everything else is the compose engine's, told to run them. No
    service is held by Dagger: it would end with the session that began it.
    """

    name = "dagger"

    def __init__(self, environ: Mapping[str, str] | None = None, limits: Limits | None = None) -> None:
        super().__init__()
        self._environ = os.environ if environ is None else environ
        self._limits = limits

    def problems(self, stack: Stack) -> list[Problem]:
        found = super().problems(stack)
        wanted = self._wanted(stack)
        if wanted:
            found += build_problems(stack.definition.document, wanted)
            if problem := access_problem(self._environ):
                found.append(problem)
        return found

    def up(self, stack: Stack) -> Generator[Step]:
        every = self._images(stack)
        wanted = self._wanted(stack)
        bound = replace(stack, images={**run_by(stack.definition.document, every), **stack.images})
        with closing(super().up(bound)) as running:
            last = ready_step(stack, in_turn(stack)[-1]).key
            planned: list[Step] = []
            while not planned or planned[-1].key != last:
                planned.append(next(running))
            yield from [planned[0], *build_plan(wanted), *planned[1:]]
            self._check(stack)
            yield Step(CHECK.key, CHECK.label, 1, 1)
            yield from self._build(stack, wanted)
            yield from (step for step in running if step.key != CHECK.key)
        with self.asking(stack) as client:
            docker_images.prune(client, stack)

    def build(self, stack: Stack) -> Generator[Step]:
        """Build the images only, whether they are there or not; what runs is left alone. They are tagged `latest`."""
        wanted = self._images(stack, lambda service: f"{image_repository(stack, service)}:{LATEST}")
        if not wanted:
            raise EngineError(f"{stack.definition.source.name} has no service with a build section.",
                              file=stack.definition.source)
        yield from [CHECK, *build_plan(wanted)]
        problems = build_problems(stack.definition.document, wanted)
        problem = access_problem(self._environ)
        if problems := [*problems, *([problem] if problem else [])]:
            raise EngineError(problems[0].message, "\n".join(f"{one.message} {one.hint}" for one in problems),
                              service=problems[0].service)
        yield Step(CHECK.key, CHECK.label, 1, 1)
        yield from self._build(stack, wanted)

    def _build(self, stack: Stack, wanted: list[Image]) -> Iterator[Step]:
        if not wanted:
            return
        found = access(self._environ)
        if found is None:  # it went away since the check
            raise EngineError("No Dagger engine can be had any more.")
        docker = {name: value for name, value in stack.env.items() if name.startswith("DOCKER_")}
        yield from build(wanted, found, folder=stack.run_dir, environ=self._environ, docker=docker,
                         limits=self._limits)

    def _images(self, stack: Stack, name_of=None) -> list[Image]:
        """Every image of the stack that is built, without those that it is given."""
        labels = {name: value for name, value in labels_for(stack).items() if name != HUB_REVISION}
        every = images_of(stack.definition.document, stack.env,
                          name_of or (lambda service: image_name(stack, service)), labels)
        return [image for image in every if image.service not in stack.images]

    def _wanted(self, stack: Stack) -> list[Image]:
        """The images that are not in Docker yet; all of them where Docker cannot be asked."""
        every = self._images(stack)
        if not every:
            return []
        try:
            with self.asking(stack) as client:
                return [image for image in every if not docker_images.is_there(client, image.name)]
        except EngineError:
            return every
