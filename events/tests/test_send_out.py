"""What Hub sends to addresses that people typed goes to no place that these people could not reach by themselves."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from events.outgoing import posting
from events.outgoing.networks import Allowed
from events.outgoing.posting import MOST_ANSWERED, check, post
from events.outgoing.targets import TargetFailed, TargetRefused
from hub.env import EnvError, read_env
from projects.tests import certificates


@pytest.mark.parametrize("host", [
    "127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0", "2130706433", "0x7f000001",
    "0177.0.0.1", "127.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[::127.1.1.1]",
    "[64:ff9b::a00:1]", "[2002:7f00:1::]", "[2001:0:1::1]", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fec0::1]", "224.0.0.1",
    "[ff02::1]", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "[2001:db8::1]",
])  # fmt: skip
def test_addresses_that_are_not_public_are_refused(host: str):
    with pytest.raises((TargetRefused, TargetFailed)) as refused:
        check(f"http://{host}:9/hook")
    if "%" not in host:  # a zone cannot be looked up everywhere
        assert refused.type is TargetRefused and "HUB_OUTGOING_ALLOW" in str(refused.value)


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "[::ffff:8.8.8.8]"])
def test_public_addresses_are_not(host: str):
    check(f"https://{host}/hook")


@pytest.mark.parametrize("url", [
    "", "hook", "//example.org/hook", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "http://",
    "http:///hook", "http://me:secret@example.org/", "http://example.org/a b", "http://example.org/\r\nHost: x",
    "http://exämple.org/", "http://example.org:0/", "http://example.org:70000/", "http://[::1/",
    "https://example.org/" + "a" * 2000,
])  # fmt: skip
def test_what_is_no_address_is_refused_in_words(url: str):
    with pytest.raises(TargetRefused) as refused:
        post(url, b"", {})
    assert str(refused.value)[0].isupper() and "secret" not in str(refused.value)


def test_a_host_that_does_not_exist_fails_and_may_work_later():
    with pytest.raises(TargetFailed, match="cannot be found"):
        check("https://no-such-host.invalid/hook")


def test_nothing_reaches_the_loopback_unless_it_is_allowed(receiver: Callable, settings):
    one = receiver()
    for url in (one.url(), one.url(host="localhost"), one.url(host="2130706433")):
        with pytest.raises(TargetRefused, match="this machine itself"):
            post(url, b"{}", {})
    assert one.received == []
    settings.HUB_OUTGOING_ALLOW = Allowed.read("10.0.0.0/8, 127.0.0.1/32")
    answer = post(one.url("/a?b=c"), b'{"a": 1}', {"Content-Type": "application/json"})
    assert (answer.status, answer.text, answer.is_success) == (200, "ok", True) and 0 < answer.elapsed < 10
    seen = one.received.pop()
    assert (seen.path, seen.body, seen.headers["host"]) == ("/a?b=c", b'{"a": 1}', f"127.0.0.1:{one.port}")
    settings.HUB_OUTGOING_ALLOW = Allowed.read("localhost")
    assert post(one.url(host="localhost"), b"", {}).status == 200
    with pytest.raises(TargetRefused):
        post(one.url(), b"", {})


def test_a_name_is_looked_up_once_and_only_what_was_found_is_connected_to(receiver: Callable, settings, monkeypatch):
    wrong = receiver("127.0.0.1")
    right = receiver("127.0.0.2", wrong.port)
    answers = iter(["127.0.0.2", "127.0.0.1", "127.0.0.1"])
    asked = []

    def lies(host: str, port: int, *args: object, **options: object) -> list:
        if host != "rebind.test":
            return real(host, port, *args, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lies)
    settings.HUB_OUTGOING_ALLOW = Allowed.read("127.0.0.2")
    assert post(right.url(host="rebind.test"), b"", {}).status == 200
    assert (len(right.received), wrong.received, asked) == (1, [], ["rebind.test"])
    with pytest.raises(TargetRefused, match=r"127\.0\.0\.1"):
        post(right.url(host="rebind.test"), b"", {})


def test_a_name_with_one_address_that_is_not_public_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(TargetRefused, match=r"10\.0\.0\.1, which stands for a private"):
        check("https://two.test/hook")


def test_a_redirect_is_not_followed(receiver: Callable, may_send_here):
    inner, outer = receiver(), receiver()
    outer.answer = lambda one: (307, {"Location": inner.url()}, b"")
    answer = post(outer.url(), b"{}", {})
    assert (answer.status, answer.is_success, inner.received) == (307, False, [])


def test_no_proxy_is_used(receiver: Callable, may_send_here, monkeypatch):
    proxy, one = receiver(), receiver()
    monkeypatch.setenv("http_proxy", proxy.url(""))
    assert post(one.url(), b"", {}).status == 200
    assert (len(one.received), proxy.received) == (1, [])


def test_of_a_long_answer_the_begin_is_read(receiver: Callable, may_send_here):
    one = receiver()
    one.answer = lambda _: (200, {}, b"a" * (3 * MOST_ANSWERED))
    assert post(one.url(), b"", {}).text == "a" * MOST_ANSWERED


def test_a_header_that_would_be_two_is_refused(receiver: Callable, may_send_here):
    one = receiver()
    with pytest.raises(TargetRefused, match="header"):
        post(one.url(), b"", {"X-One": "a\r\nX-Two: b"})
    assert one.received == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_drips_is_cut_off_in_time(scheme: str, may_send_here):
    """Each byte comes in time; all of them never would."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                text = b"HTTP/1.1 200 OK\r\nX: " if scheme == "http" else b"\x16\x03\x03\x40\x00"
                while not over.wait(0.05):
                    try:
                        connection.sendall(text[:1] or b"a")
                    except OSError:
                        return
                    text = text[1:]

        thread = threading.Thread(target=drip)
        thread.start()
        begun = time.monotonic()
        try:
            with pytest.raises(TargetFailed, match=r"did not answer within 0\.5 s"):
                post(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/", b"", {}, timeout=0.5)
            assert time.monotonic() - begun < 20
        finally:
            over.set()
            thread.join()


def test_nobody_there_is_said_as_such(may_send_here):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # kept, so that nobody else listens there
        with pytest.raises(TargetFailed, match="cannot be reached: Connection refused") as failed:
            post(f"http://127.0.0.1:{silent.getsockname()[1]}/T0/secret", b"", {})
    assert "secret" not in str(failed.value)


def test_tls_is_verified_against_the_name(receiver: Callable, settings, monkeypatch, tmp_path: Path):
    certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server" / "cert.pem", tmp_path / "server" / "key.pem")
    one = receiver(tls=context)
    settings.HUB_OUTGOING_ALLOW = Allowed.read("127.0.0.1")
    with pytest.raises(TargetFailed, match="no certificate that holds"):
        post(one.url(), b"", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server" / "ca.pem"))
    posting._verifying.cache_clear()
    try:
        assert post(one.url(), b"{}", {}).status == 200
        with pytest.raises(TargetFailed, match="no certificate that holds"):  # it is good for 127.0.0.1 alone
            post(one.url(host="localhost"), b"", {})
    finally:
        posting._verifying.cache_clear()
    assert len(one.received) == 1


def test_what_is_allowed_is_read_from_the_environment(tmp_path: Path):
    env = read_env({"HUB_DATA": str(tmp_path), "HUB_OUTGOING_ALLOW": "10.1.0.0/16, ::1 Hooks.internal"})
    assert list(map(str, env.outgoing_allow.networks)) == ["10.1.0.0/16", "::1/128"]
    assert env.outgoing_allow.hosts == {"hooks.internal"}
    with pytest.raises(EnvError, match=r"HUB_OUTGOING_ALLOW: '10\.1\.0\.1/16'"):
        read_env({"HUB_DATA": str(tmp_path), "HUB_OUTGOING_ALLOW": "10.1.0.1/16"})
