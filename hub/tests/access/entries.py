"""What an address answers to whom. A table of an app is a module `table_<app>.py` beside this one, with

- `TABLE`: by the address as `addresses.every()` names it, by method, one of the entries below;
- `SAME`: by the address of a page, the operations of the API that do the same, or in brackets why there are none;
- `world(folder)`: makes rows to ask about, and returns by what each `<parameter>` of these addresses is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.permissions import Role, Scope, at_least
from hub.tests.access.audience import Audience

VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Table = dict[str, dict[str, "Entry"]]


@dataclass(frozen=True, slots=True)
class Entry:
    """`answer` for those who may, of whom `refusal` knows who they are not; `sends` is the form or the JSON."""

    refusal: Callable[[Audience], int | None]
    answer: int
    sends: Mapping[str, Any] = field(default_factory=dict)
    is_json: bool = False

    def expected(self, audience: Audience) -> int:
        refused = self.refusal(audience)
        return self.answer if refused is None else refused


# What is asked about, and so what those are answered who may see another project only: the whole Hub (403), the
# projects that they may see (as everybody), or one thing that is not there for them (404).
WHOLE, SEEN, ONE = 403, None, 404


def page(needed: Role, answer: int = 200, *, of: int | None = WHOLE, **sends: Any) -> Entry:
    """A page, or the form on it: strangers, and keys, are led to the sign-in page, those without the role refused."""

    def refusal(audience: Audience) -> int | None:
        if not audience.is_person:
            return 302
        return _of(audience, needed, of)

    return Entry(refusal, answer, sends)


def api(needed: Role, answer: int = 200, *, of: int | None = WHOLE, scope: str = "", **sends: Any) -> Entry:
    """An operation of the API, for people and keys alike; `scope`: what a key needs instead of the role's."""

    def refusal(audience: Audience) -> int | None:
        if audience.is_stranger:
            return 401
        if scope and audience.scope:
            return None if audience.scope in (scope, Scope.ADMIN) else 403
        return _of(audience, needed, of)

    return Entry(refusal, answer, sends, is_json=True)


def _of(audience: Audience, needed: Role, of: int | None) -> int | None:
    if not at_least(audience.role, needed):
        return 403
    return of if audience.limited else None


def people(needed: Role, answer: int = 200, *, of: int | None = WHOLE, **sends: Any) -> Entry:
    """An operation of the API about what is one's own: keys have none."""
    shared = api(needed, answer, of=of, **sends)

    def refusal(audience: Audience) -> int | None:
        return shared.refusal(audience) or (None if audience.is_person else 403)

    return Entry(refusal, answer, sends, is_json=True)


def keys_alone(answer: int = 200, **sends: Any) -> Entry:
    """An operation of the API for keys, whatever they may do; to people it says that it wants a key."""
    return Entry(lambda audience: 401 if audience.is_stranger or audience.is_person else None, answer, sends,
                 is_json=True)


def everybody(answer: int = 200, **sends: Any) -> Entry:
    """Open to the world."""
    return Entry(lambda audience: None, answer, sends)


def signed_in(answer: int = 200, **sends: Any) -> Entry:
    """For everybody who is signed in, also without a role."""
    return Entry(lambda audience: None if audience.is_person else 302, answer, sends)


def needless(answer: int = 200, **sends: Any) -> Entry:
    """Open to the world; who is signed in is led on."""
    return Entry(lambda audience: 302 if audience.is_person else None, answer, sends)


def site(answer: int = 200, **sends: Any) -> Entry:
    """The admin site: all but admins are led to its own sign-in page."""
    return Entry(lambda audience: None if audience.is_person and audience.role == ADMIN else 302, answer, sends)


def for_staff() -> Entry:
    """The admin site's own sign-in page: leads admins on, strangers to Hub's, and is refused to everybody else."""
    return Entry(lambda audience: 403 if audience.is_person and audience.role != ADMIN else None, 302)


def superusers() -> Entry:
    """Is not there for anybody with a role, also for admins."""
    return Entry(lambda audience: 404 if audience.is_person else 302, 404)


def readable(needed: Role, answer: int = 200) -> Entry:
    """The metrics, of the whole Hub: a key or a session with the role; everybody else is asked for a key."""
    return Entry(lambda audience: None if at_least(audience.role, needed) and not audience.limited else 401, answer)


def of_admin(model: str, *, listed: int = 200, add: int = 200, change: int = 200, delete: int = 200,
             history: int = 200) -> Table:
    """The addresses of a model (`tasks/task`) in the admin site, by what they answer to admins."""
    one = f"admin/{model}/<path:object_id>"
    return {
        f"admin/{model}/": {"GET": site(listed)},
        f"admin/{model}/add/": {"GET": site(add)},
        f"{one}/": {"GET": site(302)},
        f"{one}/change/": {"GET": site(change)},
        f"{one}/delete/": {"GET": site(delete)},
        f"{one}/history/": {"GET": site(history)},
    }
