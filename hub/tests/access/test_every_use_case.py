"""What can be done on a page can be done by the API."""

from __future__ import annotations

from hub.api import api
from hub.tests.access.addresses import every, tables

# The admin site and RQ's dashboard show rows, and have no use cases of their own.
NO_PAGES = ("api/", "admin/", "rq/")


def test_every_page_has_an_operation_that_does_the_same():
    pages = {address for address in every() if not address.startswith(NO_PAGES)}
    same = {address: said for table in tables() for address, said in table.SAME.items()}
    assert not pages - set(same), (
        f"Nobody said which operation of the API does what these pages do: {', '.join(sorted(pages - set(same)))}. "
        "Write the operation, and name it in SAME in hub/tests/access/table_<app>.py."
    )
    assert not set(same) - pages, f"There are no pages at these addresses: {', '.join(sorted(set(same) - pages))}."
    known = {operation["operationId"] for methods in api.get_openapi_schema()["paths"].values()
             for operation in methods.values()}
    named = {name for said in same.values() if not said.startswith("(") for name in said.split(", ")}
    assert named <= known, f"There are no such operations: {', '.join(sorted(named - known))}."
