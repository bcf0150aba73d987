"""A process that reads its port in its script declares one, as one that mentions it in its command."""

import pytest

from projects.stacks import procfile

READ = {
    "python": ("api: python3 -u api.py --quick", "api.py", 'port = int(os.environ["PORT"])'),
    "python with a default": ("api: python3 api.py", "api.py", "port = os.environ.get('PORT', 8000)"),
    "its own variable": ("my-api: python3 api.py", "api.py", 'os.getenv("MY_API_PORT")'),
    "node": ("api: node ./server.js", "server.js", "listen(process.env.PORT || 3000)"),
    "ruby": ("api: ruby api.rb", "api.rb", "ENV.fetch('PORT')"),
    "shell": ("api: ./run", "run", '#!/bin/sh\nexec serve --port "${PORT:-80}"\n'),
    "in a folder": ("api: cd back && exec python3 api.py", "back/api.py", 'os.environ["PORT"]'),
    "inside quotes": ("api: sh -c 'exec python3 api.py'", "api.py", 'os.environ["PORT"]'),
    "a module": ("api: python3 -m shop.api", "shop/api.py", 'os.environ["PORT"]'),
    "a package": ("api: python3 -m shop", "shop/__main__.py", 'os.environ["PORT"]'),
    "in the command": ("api: python3 -c 'import os; os.environ[\"PORT\"]'", "unused", ""),
}
UNREAD = {
    "another's": ("work: python3 work.py", "work.py", 'os.environ["API_PORT"]'),
    "a longer name": ("work: python3 work.py", "work.py", 'env.PORTAL; "PORT_X"; $PORTS'),
    "a word": ("work: python3 work.py", "work.py", "PORT = 80  # the PORT"),
    "a second file": ("work: python3 work.py api.py", "api.py", 'os.environ["PORT"]'),
    "no text": ("work: ./work", "work", b"\xff\x00$PORT"),
    "marked": ("# hub: no-port\nwork: python3 work.py", "work.py", 'os.environ["PORT"]'),
}


def ports_of(folder, procfile_text, name, text):
    (folder / "Procfile").write_text(procfile_text + "\n")
    (folder / "work.py").touch()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return procfile.read(folder).services[0].ports


@pytest.mark.parametrize(("text", "name", "script"), READ.values(), ids=READ)
def test_a_script_that_reads_its_port_declares_it(tmp_path, text, name, script):
    assert ports_of(tmp_path, text, name, script)


@pytest.mark.parametrize(("text", "name", "script"), UNREAD.values(), ids=UNREAD)
def test_a_script_that_does_not_has_none(tmp_path, text, name, script):
    assert not ports_of(tmp_path, text, name, script)


def test_what_is_outside_of_the_folder_is_not_read(tmp_path):
    outside, folder = tmp_path / "outside.py", tmp_path / "inside"
    folder.mkdir()
    outside.write_text('os.environ["PORT"]')
    (folder / "link.py").symlink_to(outside)
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "Procfile").write_text(f"a: python3 link.py\nb: python3 ../outside.py\nc: python3 {outside}\n"
                                     f"d: python3 loop.py\ne: {'x' * 5000}\nf: cd / && python3 {outside}\n")
    assert [service.ports for service in procfile.read(folder).services] == [()] * 6
