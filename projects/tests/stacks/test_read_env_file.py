"""A `.env` file is read by Foreman's rules, and nothing in it is dropped in silence."""

from pathlib import Path

import honcho.environ
import pytest

from projects.stacks import dotenv
from projects.stacks.spec import StackError

READ = {
    "plain": ("A=b", {"A": "b"}),
    "several": ("A=1\nB=2\n\nC=3\n", {"A": "1", "B": "2", "C": "3"}),
    "last of two": ("A=1\nA=2", {"A": "2"}),
    "empty": ("A=", {"A": ""}),
    "empty in quotes": ("A=\"\"\nB=''", {"A": "", "B": ""}),
    "spaces inside": ("A=hello  world", {"A": "hello  world"}),
    "equals sign inside": ("URL=postgres://u:p@h/db?a=b", {"URL": "postgres://u:p@h/db?a=b"}),
    "lower case and digits": ("_a1=x", {"_a1": "x"}),
    "double quotes": ('A="hello world"', {"A": "hello world"}),
    "single quotes": ("A='hello world'", {"A": "hello world"}),
    "newline escape": (r'A="one\ntwo"', {"A": "one\ntwo"}),
    "tab escape": (r'A="one\ttwo"', {"A": "one\ttwo"}),
    "quote escape": (r'A="say \"hi\""', {"A": 'say "hi"'}),
    "escaped backslash before n": (r'A="one\\ntwo"', {"A": r"one\ntwo"}),
    "escaped backslash at the end": ("A=\"C:\\\\\"", {"A": "C:\\"}),
    "escaped dollar": (r'A="\$5"', {"A": "$5"}),
    "other backslash": (r'A="\d+ C:\dir"', {"A": r"\d+ C:\dir"}),
    "single quotes are literal": (r"A='one\n\"$B\"'", {"A": r"one\n\"$B\""}),
    "unquoted is literal": (r"A=one\ntwo", {"A": r"one\ntwo"}),
    "no interpolation": ('A=x\nB=$A\nC="${A}"', {"A": "x", "B": "$A", "C": "${A}"}),
    "quotes of another kind": ("A=\"it's\"\nB='say \"x\"'", {"A": "it's", "B": 'say "x"'}),
    "apostrophe": ("A=it's", {"A": "it's"}),
    "json": ('A={"a": [1, 2]}', {"A": '{"a": [1, 2]}'}),
    "quotes inside": ('A=--name="x y"', {"A": '--name="x y"'}),
    "export": ("export A=b", {"A": "b"}),
    "export with a tab and spaces": ("export\t A = b", {"A": "b"}),
    "a name that begins with export": ("exported=1\nexport=2", {"exported": "1", "export": "2"}),
    "spaces around the equals sign": ("A = b\nB\t=\t\"c d\"", {"A": "b", "B": "c d"}),
    "indentation and trailing space": ("  A=b  \n\tB='c '  ", {"A": "b", "B": "c "}),
    "byte order mark": ("\ufeffA=b", {"A": "b"}),
    "crlf": ("A=b\r\nB=\"c\"\r\n", {"A": "b", "B": "c"}),
    "comment lines": ("# one\n  # two\nA=b\n#C=d", {"A": "b"}),
    "comment after a value": ("A=b # c\nB=d\t# e", {"A": "b", "B": "d"}),
    "comment after quotes": ('A="b" # c\nB=\'d\'\t# "e"', {"A": "b", "B": "d"}),
    "hash without space": ("A=b#c\nB=#fff", {"A": "b#c", "B": "#fff"}),
    "hash in quotes": ("A=\"b # c\"\nB='d # e'", {"A": "b # c", "B": "d # e"}),
    "hash in quotes inside": ('A=--name="x # y" # z', {"A": '--name="x # y"'}),
    "comment after an apostrophe": ("A=it's # don't", {"A": "it's"}),
    "nothing but a comment": ("A= # later", {"A": ""}),
    "unicode": ("A=Grüße\u2028über 🚀", {"A": "Grüße\u2028über 🚀"}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_what_is_read(text, expected):
    assert dotenv.parse(text).values == expected


REFUSED = {
    "no equals sign": ("A=1\nhello", 2, 'no "="'),
    "export alone": ("export A", 1, 'no "="'),
    "no name": ("=b", 1, "name"),
    "digit first": ("1A=b", 1, "name"),
    "hyphen": ("A=1\n\n# c\nMY-KEY=b", 4, "name"),
    "space in the name": ("MY KEY=b", 1, "name"),
    "no-break space in the name": ("\u00a0A=b", 1, "name"),
    "letters beyond ascii": ("GRÖSSE=b", 1, "name"),
    "open double quote": ('A="b', 1, "not closed"),
    "open single quote": ("A='b", 1, "not closed"),
    "value over several lines": ('A=1\nKEY="one\ntwo"', 2, "not closed"),
    "only an escaped quote at the end": ('A="b\\"', 1, "not closed"),
    "text after quotes": ('A="b" c', 1, "after the closing quote"),
    "quotes after quotes": ('A="b""c"', 1, "after the closing quote"),
    "a hash right after quotes": ("A='b'#c", 1, "after the closing quote"),
}


@pytest.mark.parametrize(("text", "line", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_with_its_line(text, line, words):
    with pytest.raises(StackError) as caught:
        dotenv.parse(text, Path("/stack/.env"))
    assert caught.value.line == line
    assert caught.value.file == Path("/stack/.env")
    assert caught.value.message.startswith(f".env, line {line}: ")
    assert words in caught.value.message
    assert caught.value.hint


def test_export_is_a_name_too():
    assert dotenv.parse("export =b").values == {"export": "b"}


def test_a_message_never_repeats_a_value():
    for text in ("S3CRET", 'A="S3CRET', "A='x' S3CRET", "S3CRET-KEY=S3CRET"):
        with pytest.raises(StackError) as caught:
            dotenv.parse(text)
        assert "S3CRET" not in caught.value.message + caught.value.hint


AGREED = ["A=b", "A=1\nB=2", 'A="hello world"', "A='hello world'", r'A="one\ntwo"', r'A="say \"hi\""',
          "# comment\nA=b\n", "A=\"b # c\"", "A=b # c", "A=\"\"", "A_1=x\n\n\nB_2=y", 'A="it\'s"', "A='$B'"]


@pytest.mark.parametrize("text", AGREED)
def test_reads_like_honcho_where_foreman_and_honcho_agree(text):
    assert dotenv.parse(text).values == honcho.environ.parse(text)


def test_a_missing_file_sets_nothing(tmp_path):
    assert dotenv.read(tmp_path / ".env").values == {}


def test_files_that_cannot_be_read(tmp_path):
    file = tmp_path / ".env"
    file.mkdir()
    with pytest.raises(StackError, match="is a folder"):
        dotenv.read(file)
    file.rmdir()
    file.write_bytes(b"A=1\r\nB=\xff\n")
    with pytest.raises(StackError, match="line 2: the text is not UTF-8"):
        dotenv.read(file)
    file.write_bytes(b"A=1\n\nB=a\0b\n")
    with pytest.raises(StackError, match="line 3: there is a NUL byte"):
        dotenv.read(file)
    file.write_bytes(b"A=" + b"x" * 1_000_000)
    with pytest.raises(StackError, match="larger than 1 MB"):
        dotenv.read(file)
    file.unlink()
    file.symlink_to(tmp_path / "gone")
    with pytest.raises(StackError, match="does not exist"):
        dotenv.read(file)


def test_the_line_of_each_name_is_known(tmp_path):
    (tmp_path / ".env").write_text("# c\nA=1\n\nB=2\nA=3\n")
    read = dotenv.read(tmp_path / ".env")
    assert read.lines == {"A": 5, "B": 4}
    assert read.file == tmp_path / ".env"
