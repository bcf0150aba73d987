"""The engines of this Hub, by name. Each is imported when it is first used: a process that asks none of them carries
neither their code nor their libraries."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from importlib import import_module

from projects.engines.base import Engine


class Registry(Mapping[str, Engine]):
    """Names, and for each the dotted path of a class. One engine of each for the whole process, from any thread."""

    def __init__(self, classes: Mapping[str, str]):
        self._classes = dict(classes)
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that are imported at the first use of their engine."""
        return tuple(dotted.rpartition(".")[0] for dotted in self._classes.values())

    def __getitem__(self, name: str) -> Engine:
        """Raises KeyError for a name that is no engine's."""
        module, _, of_class = self._classes[name].rpartition(".")
        with self._lock:
            if name not in self._engines:
                self._engines[name] = getattr(import_module(module), of_class)()
            return self._engines[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


ENGINES = Registry({
    "process": "projects.engines.process.engine.ProcessEngine",
    "compose": "projects.engines.compose.engine.ComposeEngine",
    "dagger": "projects.engines.dagger.engine.DaggerEngine",
})
