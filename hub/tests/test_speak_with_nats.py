"""Events are published to NATS where there is one, each once and in order; without it nothing else is worse."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from nats.js.api import StreamConfig

from conftest import REPOSITORY, process_environment
from events.actions import record
from events.context import acting
from events.models import NatsState
from events.nats import state as nats_state
from events.nats.carrier import NatsCarrier, stream_name
from events.nats.config import NatsConfig, read
from events.nats.connection import NatsAway
from events.relay.loop import Relay
from events.relay.numbering import last_position, mark
from events.tests.stream import numbered
from hub.env import EnvError, read_env
from hub.tests.nats_server import NatsServer

pytestmark = pytest.mark.django_db(transaction=True)
OWN = f"hub.{settings.HUB_ID}"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch) -> None:
    monkeypatch.setattr(nats_state, "_said", (0.0, False, ""))


@pytest.fixture
def carrier_to() -> Iterator[Callable[..., NatsCarrier]]:
    """`carrier_to(server, ...)`: one that publishes there, with these options of its configuration."""
    made: list[NatsCarrier] = []

    def make(server: NatsServer, url: str = "", **options) -> NatsCarrier:
        made.append(NatsCarrier(NatsConfig((url or server.url,), **options)))
        return made[-1]

    yield make
    for carrier in made:
        carrier.close()


def written(count: int) -> list[str]:
    keys = [str(record("a.b", {"number": number}).pk) for number in range(count)]
    numbered()
    return keys


def test_each_event_is_a_message_under_its_id_in_the_order_of_the_stream(nats_server, carrier_to):
    server = nats_server()
    keys = written(30)
    carrier = carrier_to(server)
    assert (carrier.turn(), carrier.turn()) == (30, 0)
    found = server.messages(stream_name())
    assert [headers["Nats-Msg-Id"] for _, headers, _ in found] == keys == [event["id"] for _, _, event in found]
    assert [int(headers["Hub-Position"]) for _, headers, _ in found] == list(range(1, 31))
    assert {subject for subject, _, _ in found} == {f"{OWN}.a.b"} and mark("nats") == 30
    info = server.ask(lambda client: client.jetstream().stream_info(stream_name()))
    assert (info.config.storage, info.config.duplicate_window) == ("file", 3600)


def test_what_is_sent_twice_is_there_once(nats_server, carrier_to):
    server = nats_server()
    keys = written(5)
    carrier = carrier_to(server)
    carrier.turn()
    carrier._sent = 2  # as after a death between the answers of NATS and the mark
    carrier.turn()
    assert [event["id"] for _, _, event in server.messages(stream_name())] == keys


def test_a_relay_that_begins_again_goes_on_where_the_stream_ends(nats_server, carrier_to):
    server = nats_server()
    keys = written(5)
    carrier_to(server).turn()
    keys += written(4)
    assert carrier_to(server).turn() == 4
    assert [event["id"] for _, _, event in server.messages(stream_name())] == keys


def test_a_stream_that_takes_the_subjects_already_is_used(nats_server, carrier_to):
    server = nats_server()
    server.ask(lambda client: client.jetstream().add_stream(StreamConfig(name="MINE", subjects=[f"{OWN}.>"])))
    written(3)
    carrier_to(server).turn()
    assert len(server.messages("MINE")) == 3 and server.messages(stream_name()) == []


def test_what_came_from_nats_does_not_go_back(nats_server, carrier_to):
    server = nats_server()
    with acting(via="nats"):
        record("ci.done")
    record("a.b")
    numbered()
    carrier_to(server).turn()
    assert [subject for subject, _, _ in server.messages(stream_name())] == [f"{OWN}.a.b"]
    assert mark("nats") == 2


def test_it_catches_up_after_nats_was_killed_and_the_order_of_events_goes_on_meanwhile(nats_server, eventually):
    server = nats_server()
    carrier = NatsCarrier(NatsConfig((server.url,)))
    relay = Relay([carrier])
    relay.start()
    relay.lead(True)
    try:
        keys = [str(record("a.b").pk) for _ in range(3)]
        eventually(lambda: len(server.messages(stream_name())) == 3, 20)
        server.kill()
        eventually(lambda: not NatsState.objects.get().connected, 20)
        keys += [str(record("a.b").pk) for _ in range(40)]
        eventually(lambda: last_position() == 43, 20)
        server.start()
        eventually(lambda: mark("nats") == 43, 30)
        assert [event["id"] for _, _, event in server.messages(stream_name())] == keys
        eventually(lambda: NatsState.objects.get().connected, 20)
    finally:
        relay.stop(15)
        carrier.close()


def test_nats_that_is_not_there_is_said_and_found_when_it_comes(nats_server, carrier_to, client, settings):
    server = nats_server()
    server.stop()
    settings.NATS = NatsConfig((f"nats://hub:secret@127.0.0.1:{server.port}",))
    carrier = carrier_to(server)
    keys = written(2)
    with pytest.raises(NatsAway):
        carrier.turn()
    said = client.get("/health/nats")
    assert said.status_code == 200
    body = said.json()
    assert (body["configured"], body["connected"], body["behind"]) == (True, False, 2)
    assert body["url"] == server.url and "secret" not in said.text and body["problem"]
    server.start()
    carrier.turn()
    body = client.get("/health/nats").json()
    assert (body["connected"], body["behind"], body["position"], body["problem"]) == (True, 0, 2, None)
    assert [event["id"] for _, _, event in server.messages(stream_name())] == keys


def test_without_nats_health_says_so(client):
    assert client.get("/health/nats").json() == {"configured": False, "connected": False, "url": None}


def test_a_connection_that_nobody_tells_of_is_none(client, settings):
    settings.NATS = NatsConfig(("nats://127.0.0.1:4222",))
    body = client.get("/health/nats").json()
    assert body["connected"] is False and "No watch runs" in body["problem"]


@pytest.mark.parametrize(("more", "right", "wrong"), [
    ('authorization { user: "hub", password: "pass word" }', {"user": "hub", "password": "pass word"},
     {"user": "hub", "password": "no"}),
    ('authorization { token: "a token" }', {"token": "a token"}, {"token": "no"}),
])
def test_it_signs_in(nats_server, carrier_to, more, right, wrong):
    server = nats_server(more, **right)
    written(1)
    for options in (wrong, {}):
        with pytest.raises(NatsAway, match=r"(?i)authorization"):
            carrier_to(server, **options).turn()
    assert carrier_to(server, **right).turn() == 1
    assert len(server.messages(stream_name())) == 1


def test_a_password_in_the_address_is_taken(nats_server, carrier_to):
    server = nats_server('authorization { user: "hub", password: "s3cret" }', user="hub", password="s3cret")
    written(1)
    assert carrier_to(server, url=f"nats://hub:s3cret@127.0.0.1:{server.port}").turn() == 1


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return files


def test_tls_is_spoken_and_a_certificate_that_nobody_vouches_for_refused(nats_server, carrier_to, tmp_path):
    cert, key = certificate(tmp_path)
    server = nats_server(f'tls {{ cert_file: "{cert}", key_file: "{key}" }}',
                         tls=ssl.create_default_context(cafile=str(cert)))
    written(1)
    url = f"tls://127.0.0.1:{server.port}"
    with pytest.raises(NatsAway, match=r"(?i)certificate"):
        carrier_to(server, url=url).turn()
    assert carrier_to(server, url=url, ca=str(cert)).turn() == 1


def test_a_replay_gives_a_stream_that_lost_everything_its_events_again(nats_server, carrier_to, settings, capsys):
    server = nats_server()
    keys = written(3)
    carrier_to(server).turn()
    server.ask(lambda client: client.jetstream().delete_stream(stream_name()))
    settings.NATS = NatsConfig((server.url,))
    for _ in range(2):
        call_command("events", "replay", "--subject", f"{OWN}.a.*", "--to", "nats")
        assert "3 events were sent." in capsys.readouterr().out
        assert [event["id"] for _, _, event in server.messages(stream_name())] == keys
    assert mark("nats") == 3
    server.kill()
    with pytest.raises(CommandError, match="NATS took 0 events"):
        call_command("events", "replay", "--to", "nats")
    settings.NATS = None
    with pytest.raises(CommandError, match="NATS_URL"):
        call_command("events", "replay", "--to", "nats")


def test_the_watch_publishes_what_happens(nats_server, redis_server, eventually, tmp_path):
    server = nats_server()
    connections.close_all()
    log = tmp_path / "watch.log"
    with log.open("wb") as out:
        watch = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "manage.py"), "watch"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**process_environment(), "NATS_URL": server.url},
        )  # fmt: skip
    try:
        key = str(record("a.b").pk)
        eventually(lambda: key in [event["id"] for _, _, event in server.messages(stream_name())], 40, "not published")
    finally:
        watch.terminate()
        assert watch.wait(20) == 0, log.read_text()


# --- Its configuration ------------------------------------------------------------------------------------------------


def config(**environ: str) -> NatsConfig | None:
    return read(lambda name: environ.get(name, ""))


def test_what_the_environment_says():
    assert config() is None and config(NATS_USER="x", NATS_PASSWORD="y") is None
    found = config(NATS_URL="nats://a:4222, tls://hub:secret@b", NATS_TOKEN="t",
                   NATS_CONSUME="ci.> , deploy.*.done")
    assert found.servers == ("nats://a:4222", "tls://hub:secret@b") and found.shown == "nats://a:4222, tls://b"
    assert found.tls is not None and found.consume == ("ci.>", "deploy.*.done")
    assert "secret" not in found.shown and config(NATS_URL="nats://a").tls is None


@pytest.mark.parametrize(("environ", "words"), [
    ({"NATS_URL": "127.0.0.1:4222"}, "NATS_URL"), ({"NATS_URL": "http://a"}, "NATS_URL"),
    ({"NATS_URL": "nats://"}, "NATS_URL"), ({"NATS_URL": "nats://a:99999"}, "NATS_URL"),
    ({"NATS_URL": "nats://a", "NATS_CA": "/no/such/file"}, "NATS_CA"),
    ({"NATS_URL": "nats://a", "NATS_CA": __file__}, "NATS_CA"),
    ({"NATS_URL": "nats://a", "NATS_PASSWORD": "x"}, "NATS_USER"),
    ({"NATS_URL": "nats://a", "NATS_USER": "x", "NATS_TOKEN": "y"}, "NATS_TOKEN"),
    ({"NATS_URL": "nats://a", "NATS_CONSUME": "a..b"}, "NATS_CONSUME"),
    ({"NATS_URL": "nats://a", "NATS_CONSUME": "a.>.b"}, "NATS_CONSUME"),
    ({"NATS_URL": "nats://a", "NATS_CONSUME": ">"}, "NATS_CONSUME"),
])
def test_a_wrong_value_stops_the_start_with_a_line_that_names_it(environ, words, tmp_path):
    with pytest.raises(EnvError, match=words):
        read_env({"HUB_DATA": str(tmp_path), "NATS_URL": "", **environ})
