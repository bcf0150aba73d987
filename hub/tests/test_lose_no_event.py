"""Whoever follows the stream sees each event once and in order, whatever dies; `bin/bench events` tries 10,000."""

from __future__ import annotations

import shutil

import pytest
from django.db import connections

from conftest import process_environment
from hub.tests.storm.storm import Storm


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [3])
def test_no_event_is_lost_doubled_or_out_of_order_while_everything_dies(redis_server, request, seed):
    redis_server.client().flushall()
    # Without NATS the rest is as true.
    nats = request.getfixturevalue("nats_server")() if shutil.which("nats-server") else None
    connections.close_all()
    verdict = Storm(process_environment(), redis_server, nats, seed).run(600, pause=0.4)
    assert verdict.holds, verdict
    assert verdict.written >= 600 and sum(verdict.kills.values()) >= 3, verdict
    redis_server.client().flushall()
