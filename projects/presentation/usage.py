"""What a project used in the last hour, as charts and a table."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from events.charts import BYTES, BYTES_A_SECOND, PERCENT, Series, Unit, line
from projects.presentation.words import cores, size
from projects.usage import History

# As many services as there are colours; the others are drawn as one.
DRAWN = 5
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What a service uses now (in the newest stretch), and its most of the hour."""

    name: str
    cpu: str
    cpu_most: str
    memory: str
    memory_most: str
    disk: str
    network: str


def charts_of(history: History, *, network: str) -> list[SafeString]:
    """Processor, memory, disk and network over the last hour, a line for each service. `network` says why there is none
    where nothing is known of it."""
    figures = [
        _figure(history, "cpu", "Processor", PERCENT, "Average of each half minute; one core is 100 %", 100),
        _figure(history, "memory", "Memory", BYTES, "Most of each half minute"),
        _figure(history, ("disk_read", "disk_written"), "Disk", BYTES_A_SECOND, "Read and written, without what the "
                "system’s memory answers"),
    ]
    if _knows(history, "network_in") or _knows(history, "network_out"):
        figures.append(_figure(history, ("network_in", "network_out"), "Network", BYTES_A_SECOND, "In and out"))
    elif network:
        figures.append(format_html('<div class="body"><h3>Network</h3><p class="muted">{}</p></div>', network))
    return figures


def rows_of(history: History) -> list[UsageRow]:
    """A row for each service, and one for all of them together where there are several."""
    rows = [_row(name, history.services[name]) for name in history.services]
    if len(rows) > 1:
        rows.append(_row("All services", {
            field: _summed([fields[field] for fields in history.services.values()])
            for field in next(iter(history.services.values()))
        }))
    return rows


def _figure(history: History, fields: str | tuple[str, ...], title: str, unit: Unit, note: str,
            times: float = 1) -> SafeString:
    fields = (fields,) if isinstance(fields, str) else fields
    values = {
        name: _scaled(_summed([service[field] for field in fields]), times)
        for name, service in history.services.items()
    }
    key = title.lower()
    return line(key, history.times, _series(values), unit, f"{title} in the last hour").figure(title, note)


def _series(values: dict[str, tuple[float | None, ...]]) -> list[Series]:
    """The services that use most, each in its colour, which is given by name so that it stays; the rest as one."""
    drawn = values
    if len(values) > DRAWN:
        most = sorted(values, key=lambda name: max((v for v in values[name] if v is not None), default=0), reverse=True)
        rest = most[DRAWN - 1:]
        drawn = {name: values[name] for name in values if name not in rest}
        drawn[OTHERS] = _summed([values[name] for name in rest])
    return [
        Series(name, numbers, str(place), dashed=place in (2, 4), area=len(drawn) == 1)
        for place, (name, numbers) in enumerate(drawn.items(), start=1)
    ]


def _row(name: str, fields: dict[str, tuple[float | None, ...]]) -> UsageRow:
    def last(field: str) -> float | None:
        return next((value for value in reversed(fields[field][-3:]) if value is not None), None)

    def most(field: str) -> float | None:
        return max((value for value in fields[field] if value is not None), default=None)

    return UsageRow(
        name, cores(last("cpu")), cores(most("cpu")), _whole(last("memory")), _whole(most("memory")),
        _flow(_summed([fields["disk_read"], fields["disk_written"]])),
        _flow(_summed([fields["network_in"], fields["network_out"]])),
    )


def _whole(value: float | None) -> str:
    return size(None if value is None else int(value))


def _flow(values: tuple[float | None, ...]) -> str:
    now = next((value for value in reversed(values[-3:]) if value is not None), None)
    return "" if now is None else f"{_whole(now)}/s"


def _summed(lists: list[tuple[float | None, ...]]) -> tuple[float | None, ...]:
    """The sum at each place; None where nothing is known."""
    return tuple(sum(known) if (known := [value for value in place if value is not None]) else None
                 for place in zip(*lists, strict=True))


def _scaled(values: tuple[float | None, ...], times: float) -> tuple[float | None, ...]:
    return tuple(None if value is None else value * times for value in values)


def _knows(history: History, field: str) -> bool:
    return any(value is not None for fields in history.services.values() for value in fields[field])
