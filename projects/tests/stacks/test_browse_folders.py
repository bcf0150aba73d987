"""The folder browser shows the folders under its root, and never what is outside."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from projects.stacks.folders import MAX_ENTRIES, browse, confine
from projects.stacks.spec import StackError


@pytest.fixture
def root(tmp_path):
    """A root with folders of each kind, and something outside of it."""
    top = tmp_path / "root"
    for name in ("Zoo", "alpha", "alpha/inner", "beta", "gamma", ".hidden", "empty"):
        (top / name).mkdir(parents=True)
    (top / "alpha/Procfile").write_text("web: a")
    (top / "beta/docker-compose.yml").write_text("services: {}")
    (top / "gamma/Procfile").write_text("broken")
    (top / "gamma/compose.yaml").write_text("services: {}")
    (top / "a file").write_text("")
    (tmp_path / "outside/secret").mkdir(parents=True)
    return top


@pytest.fixture
def as_nobody():
    """A folder that an ordinary user may enter, and the rights of one: root may read everything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    privileged = os.geteuid() == 0

    def drop():
        if privileged:
            os.seteuid(65534)

    yield folder, drop
    if privileged:
        os.seteuid(0)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(folder)


def code(root, path) -> str:
    with pytest.raises(StackError) as caught:
        confine(root, path)
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    return caught.value.code


def test_the_root_lists_its_folders_by_name(root):
    listing = browse(root)
    assert (listing.path, listing.parent, listing.kind, listing.truncated) == (root, None, "", False)
    assert [(entry.name, entry.kind) for entry in listing.entries] == [
        ("alpha", "process"), ("beta", "compose"), ("empty", ""), ("gamma", "both"), ("Zoo", ""),
    ]
    assert all(entry.path == root / entry.name and not entry.unreadable for entry in listing.entries)


def test_a_folder_below_knows_its_parent(root):
    listing = browse(root, str(root / "alpha"))
    assert (listing.path, listing.parent, listing.kind) == (root / "alpha", root, "process")
    assert [entry.name for entry in listing.entries] == ["inner"]
    assert browse(root, f"{root}//alpha/inner/").parent == root / "alpha"


@pytest.mark.parametrize(("path", "expected"), [
    ("{root}/gone", "missing"),
    ("{root}/a file", "not-a-folder"),
    ("{root}/a file/x", "missing"),
    ("{outside}", "outside"),
    ("{outside}/gone", "outside"),
    ("/", "outside"),
    ("{root}-sibling", "outside"),
    ("{root}/alpha/../beta", "bad-path"),
    ("{root}/../outside", "bad-path"),
    ("../outside", "bad-path"),
    ("alpha", "bad-path"),
    ("", "bad-path"),
    ("   ", "bad-path"),
    ("{root}/al\0pha", "bad-path"),
    ("{root}/" + "x" * 256, "bad-path"),
    ("{root}/" + "ü" * 128, "bad-path"),
    ("{root}" + "/x" * 2100, "bad-path"),
    ("{root}/\udcff", "bad-path"),
    ("~root", "bad-path"),
    ("{root}/<script>alert(1)</script>", "missing"),
])
def test_paths_that_are_refused(root, tmp_path, path, expected):
    assert code(root, path.replace("{root}", str(root)).replace("{outside}", str(tmp_path / "outside"))) == expected


def test_links_that_stay_inside_are_followed_and_others_refused(root, tmp_path):
    (root / "to-alpha").symlink_to("alpha")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to("loop")
    (root / "broken").symlink_to("nowhere")
    (root / "to-file").symlink_to("a file")
    assert confine(root, str(root / "to-alpha/inner")) == root / "alpha/inner"
    assert code(root, str(root / "out")) == "outside"
    assert code(root, str(root / "out/secret")) == "outside"
    assert code(root, str(root / "out/gone")) == "outside"
    assert code(root, str(root / "loop")) == "unreadable"
    assert code(root, str(root / "broken")) == "missing"
    names = [entry.name for entry in browse(root).entries]
    assert "to-alpha" in names
    assert not {"out", "loop", "broken", "to-file"} & set(names)


def test_a_root_that_is_itself_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert confine(tmp_path / "link", str(tmp_path / "link/alpha")) == root / "alpha"
    assert confine(tmp_path / "link", str(root / "alpha")) == root / "alpha"
    assert browse(tmp_path / "link").parent is None


def test_the_home_folder(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root / "alpha"))
    assert confine(root, "~") == root / "alpha"
    assert confine(root, "~/inner") == root / "alpha/inner"
    monkeypatch.setenv("HOME", "/")
    assert code(root, "~") == "outside"


def test_a_missing_root_is_told(tmp_path):
    assert code(tmp_path / "gone", "/") == "missing"


def test_folders_without_permission(as_nobody):
    top, drop = as_nobody
    for name, mode in (("closed", 0o000), ("only-list", 0o444), ("only-enter", 0o111), ("open", 0o755)):
        (top / name / "inner").mkdir(parents=True)
        (top / name).chmod(mode)
    drop()
    unreadable = {entry.name: entry.unreadable for entry in browse(top).entries}
    assert unreadable == {"closed": True, "only-list": True, "only-enter": True, "open": False}
    for name in ("closed", "only-list", "only-enter", "closed/inner"):
        assert code(top, str(top / name)) == "unreadable"
    assert code(top / "only-list", str(top / "only-list")) == "unreadable"
    with pytest.raises(StackError):
        browse(top / "only-list")


def test_names_that_no_page_could_send_back_are_left_out(root):
    os.mkdir(os.fsencode(root) + b"/caf\xe9")
    (root / "Grüße <b>").mkdir()
    names = [entry.name for entry in browse(root).entries]
    assert "Grüße <b>" in names
    assert not any("caf" in name for name in names)


@pytest.mark.alone
def test_ten_thousand_folders_are_listed_at_once_and_cut(root):
    big = root / "big"
    big.mkdir()
    for number in range(10_000):
        (big / f"p{number:05}").mkdir()
    begin = time.perf_counter()
    listing = browse(root, str(big))
    assert time.perf_counter() - begin < 1
    assert (len(listing.entries), listing.truncated) == (MAX_ENTRIES, True)
    assert [entry.name for entry in listing.entries[:2]] == ["p00000", "p00001"]
    for number in range(MAX_ENTRIES, 10_000):
        (big / f"p{number:05}").rmdir()
    assert (len(browse(root, str(big)).entries), browse(root, str(big)).truncated) == (MAX_ENTRIES, False)
