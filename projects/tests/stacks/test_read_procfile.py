"""A Procfile becomes services: its lines, marks, ports, formation and order of start."""

import itertools
import os

import honcho.environ
import pytest

from projects.stacks import procfile
from projects.stacks.spec import Port, Readiness, StackError


@pytest.fixture
def read(tmp_path):
    """Write a Procfile (and `.env`, `.foreman`) and read it."""

    def write_and_read(text, env=None, foreman=None, extra_env=None):
        (tmp_path / "Procfile").write_text(text, newline="")
        if env is not None:
            (tmp_path / ".env").write_text(env)
        if foreman is not None:
            (tmp_path / ".foreman").write_text(foreman)
        return procfile.read(tmp_path, extra_env)

    return write_and_read


def refused(read, *args, **more) -> StackError:
    with pytest.raises(StackError) as caught:
        read(*args, **more)
    return caught.value


COMMANDS = {
    "plain": ("web: ./serve\n", {"web": "./serve"}),
    "no space": ("web:./serve", {"web": "./serve"}),
    "colons inside": ("web: a -b http://x:1 c:d", {"web": "a -b http://x:1 c:d"}),
    "names": ("web-1: a\nWORKER_2: b", {"web-1": "a", "WORKER_2": "b"}),
    "crlf, mark, indentation": ("\ufeffweb: a\r\n\r\n  worker :\tb  \r\n", {"web": "a", "worker": "b"}),
    "comments": ("# one\nweb: a # two\n#x: y\n  # three\nworker: b", {"web": "a", "worker": "b"}),
    "hash in quotes": ("web: a \"b # c\" 'd # e' # f", {"web": "a \"b # c\" 'd # e'"}),
    "escaped quotes": ('web: a "b \\" # c" # d', {"web": 'a "b \\" # c"'}),
    "escaped apostrophe": ("web: echo it\\'s # late", {"web": "echo it\\'s"}),
    "escaped space": ("web: a \\ #b", {"web": "a \\ #b"}),
    "hash without space": ("web: a#b ${x#y} $#", {"web": "a#b ${x#y} $#"}),
    "unicode": ("web: echo Grüße\u2028🚀", {"web": "echo Grüße\u2028🚀"}),
}


@pytest.mark.parametrize(("text", "expected"), COMMANDS.values(), ids=COMMANDS)
def test_commands_are_read(text, expected):
    assert {entry.name: entry.command for entry in procfile.parse(text)} == expected


@pytest.mark.parametrize("text", ["web: a b\nworker: c -d 'e f'", "web:a", "a-b: x\n\n\nc_d: y: z", "# c\nweb: $PORT"])
def test_reads_like_honcho_where_foreman_and_honcho_agree(text):
    expected = honcho.environ.parse_procfile(text).processes
    assert {entry.name: entry.command for entry in procfile.parse(text)} == expected


INVALID_LINES = {
    "no colon": ("web: a\nhello world\n", 2, "not a process"),
    "space in the name": ("\n\nmy web: a", 3, "not a process"),
    "dot in the name": ("web.1: a", 1, "not a process"),
    "no name": (": a", 1, "not a process"),
    "letters beyond ascii": ("wéb: a", 1, "not a process"),
    "going on over two lines": ("web: a \\\n  --b", 2, "not a process"),
    "no command": ("web:", 1, "no command"),
    "only a comment for a command": ("web: # later", 1, "no command"),
    "a long name": ("w" * 65 + ": a", 1, "longer than 64"),
    "a name twice": ("web: a\nworker: b\nweb: c", 3, "twice: also on line 1"),
    "unknown mark": ("# hub: once\nweb: a", 1, '"once"'),
    "mark twice": ("# hub: instances=1 instances=2\nweb: a", 1, "twice"),
    "mark above a blank line": ("# hub: one-shot\n\nweb: a", 1, "above no process"),
    "mark at the end": ("web: a\n# hub: one-shot\n", 2, "above no process"),
    "value for a word without": ("# hub: one-shot=yes\nweb: a", 1, "takes no value"),
    "word without its value": ("web: a\n# hub: depends_on\njob: b", 2, "needs a value"),
    "empty value": ("# hub: instances=\nweb: a", 1, "needs a value"),
    "bad ready": ("# hub: ready=https:/\nweb: a", 1, "ready is tcp"),
    "ready path without slash": ("# hub: ready=http:health\nweb: a", 1, "ready is tcp"),
    "ready path that is not ascii": ("# hub: ready=http:/é\nweb: a", 1, "ready is tcp"),
    "bad restart": ("# hub: restart=maybe\nweb: a", 1, "restart is always"),
    "too many instances": ("# hub: instances=101\nweb: a", 1, "from 0 to 100"),
    "negative instances": ("# hub: instances=-1\nweb: a", 1, "from 0 to 100"),
    "timeout of nothing": ("# hub: ready_timeout=0\nweb: a", 1, "above 0"),
    "seconds that are none": ("# hub: stop_grace=inf\nweb: a", 1, "number of seconds"),
    "signal that is none": ("# hub: stop_signal=SIGNOTHING\nweb: a", 1, "name of a signal"),
    "port beyond": ("# hub: port=65536\nweb: a", 1, "from 1 to 65535"),
    "port of nothing": ("# hub: port=0\nweb: a", 1, "from 1 to 65535"),
    "bad depends_on": ("# hub: depends_on=a,,b\nweb: a", 1, "names of processes"),
    "unknown dependency": ("a: x\n# hub: depends_on=db\nweb: a", 2, '"db"'),
    "waits for itself": ("# hub: depends_on=web\nweb: a", 1, "web → web"),
    "cycle": ("c: x\n# hub: depends_on=b\na: x\n# hub: depends_on=a,c\nb: y", 2, "wait for each other"),
    "release in a cycle": ("# hub: depends_on=db\nrelease: m\n# hub: depends_on=release\ndb: d", 1, "wait for each"),
    "ready asks a port of none": ("# hub: ready=tcp\njob: a", 1, "declares no port"),
    "port and no-port": ("# hub: port no-port\nweb: a", 1, "contradict"),
    "no-port and ready": ("# hub: no-port ready=tcp\nweb: a", 1, "contradict"),
    "one-shot and always": ("# hub: one-shot restart=always\njob: a", 1, "contradict"),
    "one-shot and ready": ("# hub: one-shot ready=up\njob: a", 1, "contradict"),
    "stay_up and tcp": ("# hub: ready=tcp stay_up=2\nweb: a", 1, "contradict"),
    "default port beyond": ("web: a ${PORT:-70000}", 1, "70000 is not a port"),
    "one variable for two": ("a-b: x $PORT\na_b: y $PORT", 2, "A_B_PORT"),
}


@pytest.mark.parametrize(("text", "line", "words"), INVALID_LINES.values(), ids=INVALID_LINES)
def test_an_invalid_line_is_an_error_with_its_number(read, tmp_path, text, line, words):
    error = refused(read, text)
    assert (error.line, error.file) == (line, tmp_path / "Procfile")
    assert error.message.startswith(f"Procfile, line {line}: ")
    assert words in error.message


def test_a_cycle_is_told_in_the_order_of_waiting(read):
    error = refused(read, "# hub: depends_on=b\na: x\n# hub: depends_on=c\nb: x\n# hub: depends_on=a\nc: x")
    chain = error.message.split(": ")[-1].rstrip(".").split(" → ")
    assert chain[0] == chain[-1] and len(chain) == 4
    assert set(itertools.pairwise(chain)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_files_that_hold_no_procfile(tmp_path):
    file = tmp_path / "Procfile"

    def message():
        with pytest.raises(StackError) as caught:
            procfile.read(tmp_path)
        assert caught.value.file == file
        return caught.value.message

    assert "does not exist" in message()
    for text in ("", "\n\n", "# only words\n", "\ufeff"):
        file.write_text(text)
        assert "has no process" in message()
    file.write_bytes(b"web: a\nworker: caf\xe9\n")
    assert message() == "Procfile, line 2: the text is not UTF-8."
    file.write_bytes("web: a".encode("utf-16"))
    assert "not UTF-8" in message()
    file.write_bytes(b"web: a\0b")
    assert "NUL byte" in message()
    file.write_bytes(b"web: a\n" + b"#" * 1_000_000)
    assert "larger than 1 MB" in message()
    file.unlink()
    file.mkdir()
    assert "is a folder" in message()
    file.rmdir()
    os.mkfifo(file)
    assert "not a regular file" in message()


def test_marks_are_read(read):
    definition = read(
        "db: x\ncache: y\n"
        "# Words for people.\n"
        "# hub: depends_on=db,cache,db ready=http:/health?full=1 ready_timeout=30.5 restart=always\n"
        "# hub: instances=2 stop_signal=int stop_grace=0 port=8000\n"
        "# More words.\n"
        "api: z\n"
        "#hub: one-shot\nseed: s\n"
        "# hub: stay_up=2.5\nworker: w\n"
    )
    api = definition.service("api")
    assert api.depends_on == ("db", "cache")
    assert api.ready == Readiness("http", path="/health?full=1", timeout=30.5)
    assert (api.restart, api.instances, api.stop_signal, api.stop_grace) == ("always", 2, "SIGINT", 0)
    assert (api.ports, api.line, api.kind) == ((Port(8000),), 7, "service")
    assert api.instance_names() == ["api.1", "api.2"]
    seed = definition.service("seed")
    assert (seed.kind, seed.restart) == ("one-shot", "no")
    assert definition.service("worker").ready == Readiness("up", stay_up=2.5)


def test_what_holds_without_marks(read, tmp_path):
    definition = read("web: a\nworker: b", env="A=1")
    web, worker = definition.services
    assert (web.ready, web.restart, web.stop_signal, web.stop_grace) == (Readiness("tcp"), "on-failure", "SIGTERM", 5)
    assert worker.ready == Readiness("up", stay_up=1, timeout=60)
    assert (definition.engine, definition.path, definition.source) == ("process", tmp_path, tmp_path / "Procfile")
    assert definition.env == {"A": "1"}


PORTS = {
    "the first is 5000": ("web: a", "", {"web": 5000}),
    "a hundred for each type": ("job: a\nweb: b $PORT\napi: c $PORT", "", {"job": None, "web": 5100, "api": 5200}),
    "PORT is the base": ("web: a\napi: b $PORT", "PORT=8000", {"web": 8000, "api": 8100}),
    "braces": ("api: b ${PORT}", "", {"api": 5000}),
    "default in the command": ("api: b --port=${PORT:-8123}", "API_PORT=1", {"api": 8123}),
    "default without colon": ("api: b ${PORT-8123}", "", {"api": 8123}),
    "default in quotes": ('api: b "${PORT:-"8123"}"', "", {"api": 8123}),
    "default that is no number": ("api: b ${PORT:-$OTHER}", "", {"api": 5000}),
    "default of a default": ("api: b ${PORT:-${API_PORT:-8123}}", "", {"api": 8123}),
    "other forms": ("api: b ${PORT:?needed}", "", {"api": 5000}),
    "own variable": ("my-api: b $MY_API_PORT", "MY_API_PORT=8123", {"my-api": 8123}),
    "own variable with a default": ("api: b ${API_PORT:-8123}", "", {"api": 8123}),
    "another's variable": ("api: b\nfront: c $API_PORT ${API_PORT:-1}", "", {"api": None, "front": None}),
    "longer names": ("api: b $PORTS $PORT_X ${PORTAL} $MYPORT PORT", "", {"api": None}),
    "inside quotes": ("api: sh -c 'b $PORT'", "", {"api": 5000}),
    "in a comment": ("api: b # on $PORT", "", {"api": None}),
    "marked": ("# hub: port\napi: b", "", {"api": 5000}),
    "marked with a number": ("# hub: port=8123\napi: b", "", {"api": 8123}),
    ".env before the mark": ("# hub: port=8123\napi: b", "API_PORT=8124", {"api": 8124}),
    "web without": ("# hub: no-port\nweb: b", "", {"web": None}),
    "no port though mentioned": ("# hub: no-port\nweb: b $PORT", "", {"web": None}),
    "two of one number": ("a: x ${PORT:-80}\nb: y ${PORT:-80}", "", {"a": 80, "b": 80}),
}


@pytest.mark.parametrize(("text", "env", "expected"), PORTS.values(), ids=PORTS)
def test_ports_are_found(read, text, env, expected):
    services = read(text, env=env).services
    found = {service.name: service.ports[0].container_port if service.ports else None for service in services}
    assert found == expected


@pytest.mark.parametrize(("env", "line", "words"), [
    ("A=1\nPORT=web", 2, "PORT is not a port number"),
    ("WEB_PORT=0", 1, "WEB_PORT is not a port number"),
    ("WEB_PORT=٣", 1, "WEB_PORT is not a port number"),
    ("A=1\n\nbroken", 3, 'no "="'),
])
def test_an_error_in_the_env_file_names_that_file(read, tmp_path, env, line, words):
    error = refused(read, "web: a", env=env)
    assert (error.file, error.line) == (tmp_path / ".env", line)
    assert words in error.message


def test_too_many_process_types_for_foremans_numbers(read):
    error = refused(read, "".join(f"p{number}: x\n" for number in range(606)) + "web: a")
    assert (error.line, "no port number" in error.message) == (607, True)


FORMATIONS = {
    "one of each": ("", None, None, {"web": 1, "worker": 1, "release": 1}),
    ".env": ("HUB_FORMATION=web=2", None, None, {"web": 2, "worker": 1, "release": 1}),
    "spaces": ("HUB_FORMATION=\"web = 2,  worker=3\"", None, None, {"web": 2, "worker": 3, "release": 1}),
    "all": ("HUB_FORMATION=all=2", None, None, {"web": 2, "worker": 2, "release": 1}),
    "none of one": ("HUB_FORMATION=worker=0", None, None, {"web": 1, "release": 1}),
    "no release": ("HUB_FORMATION=release=0", None, None, {"web": 1, "worker": 1}),
    ".foreman names all that run": ("", "formation: web=2\n", None, {"web": 2, "release": 1}),
    ".foreman with all": ("", "concurrency: 'all=1,worker=3'", None, {"web": 1, "worker": 3, "release": 1}),
    ".env over .foreman": ("HUB_FORMATION=web=3", "formation: web=2,worker=2", None,
                           {"web": 3, "worker": 2, "release": 1}),
    "the project's own over .env": ("HUB_FORMATION=web=3", None, {"HUB_FORMATION": "web=4"},
                                    {"web": 4, "worker": 1, "release": 1}),
    "the project's own, empty": ("HUB_FORMATION=web=3", None, {"HUB_FORMATION": ""},
                                 {"web": 1, "worker": 1, "release": 1}),
}


@pytest.mark.parametrize(("env", "foreman", "extra", "expected"), FORMATIONS.values(), ids=FORMATIONS)
def test_one_process_type_runs_many_times(read, env, foreman, extra, expected):
    services = read("web: a\nworker: b\nrelease: c", env=env, foreman=foreman, extra_env=extra).services
    assert {service.name: service.instances for service in services} == expected


def test_a_mark_goes_before_every_formation(read):
    definition = read("# hub: instances=5\nweb: a", env="HUB_FORMATION=web=3", extra_env={"HUB_FORMATION": "web=4"})
    assert definition.services[0].instances == 5


@pytest.mark.parametrize(("files", "words"), [
    ({"env": "A=1\nHUB_FORMATION=web"}, ".env, line 2: HUB_FORMATION cannot be read"),
    ({"env": "HUB_FORMATION=web=x"}, "cannot be read"),
    ({"env": "HUB_FORMATION=web=101"}, "101 instances of web; 100 is the most"),
    ({"env": "A=1\nHUB_FORMATION=wbe=2"}, '.env, line 2: the formation names "wbe"'),
    ({"foreman": "\nformation: wbe=2"}, '.foreman, line 2: the formation names "wbe"'),
    ({"foreman": "formation: {web: 2}"}, ".foreman, line 1: formation cannot be read"),
    ({"foreman": "port: none"}, ".foreman, line 1: port is not a port number"),
    ({"extra_env": {"HUB_FORMATION": "web=?"}}, "HUB_FORMATION in the project's environment cannot be read"),
    ({"env": "HUB_FORMATION=web=0"}, "runs no process"),
])
def test_a_formation_that_cannot_be(read, files, words):
    assert words in refused(read, "web: a", **files).message


def test_the_foreman_file_gives_the_first_port(read):
    definition = read("web: a", env="PORT=8000", foreman="# c\nport: 7000  # mine\nprocfile: Other\ntimeout: 9\n")
    assert definition.services[0].ports == (Port(7000),)


def test_a_process_with_no_instances_keeps_its_place_in_the_numbering_and_nobody_waits_for_it(read):
    definition = read("db: x\n# hub: depends_on=db\nweb: a", env="HUB_FORMATION=db=0")
    assert [(s.name, s.depends_on, s.ports) for s in definition.services] == [("web", (), (Port(5100),))]


def test_release_runs_first(read):
    definition = read(
        "web: a\n# hub: depends_on=db\nrelease: m\n"
        "# hub: depends_on=disk\ndb: x\ndisk: y\n# hub: depends_on=web\njob: z"
    )
    waits = {service.name: service.depends_on for service in definition.services}
    assert waits == {
        "web": ("release",), "release": ("db",), "db": ("disk",), "disk": (), "job": ("web", "release"),
    }
    release = definition.service("release")
    assert (release.kind, release.restart) == ("one-shot", "no")
