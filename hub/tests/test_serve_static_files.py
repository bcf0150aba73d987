"""Static files are compressed when they are collected, not at each request."""

from __future__ import annotations

import gzip

from hub.static_storage import StaticStorage


def test_a_file_lies_there_compressed_under_a_name_of_its_content(tmp_path):
    (tmp_path / "page.css").write_text("a { color: red; }\n" * 500)
    storage = StaticStorage(location=tmp_path, base_url="/static/")
    assert all(done is True for _, _, done in storage.post_process({"page.css": (storage, "page.css")}))
    name = storage.stored_name("page.css")
    plain, small = tmp_path / name, tmp_path / f"{name}.gz"
    assert name != "page.css" and gzip.decompress(small.read_bytes()) == plain.read_bytes()
    assert small.stat().st_size < plain.stat().st_size / 10
