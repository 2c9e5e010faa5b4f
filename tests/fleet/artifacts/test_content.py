"""What a file is taken for, and how it is named where it goes."""

import io
import random
import zipfile
from datetime import UTC, datetime

import pytest

from agenhood.fleet.artifacts.archive import MISSING, Member, archive_names, zipped
from agenhood.fleet.artifacts.content import SNIFFED_BYTES, type_of
from agenhood.fleet.artifacts.preview import TEXT_BYTES, text_preview
from workspaces.files import FileVanished, safe_name

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("beginning", "wanted"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a\0", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "application/octet-stream"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (SVG, "text/plain"),
        (b"<!doctype html><script>alert(1)</script>", "text/plain"),
        (b"GIF8", "text/plain"),
        (b" \x89PNG\r\n\x1a\n", "application/octet-stream"),
        (b"", "text/plain"),
        ("Zoë".encode(), "text/plain"),
        (b"a\0b", "application/octet-stream"),
        ("text".encode("utf-16"), "application/octet-stream"),
        (b"\xff\xfe\xfd", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_bytes_say(beginning, wanted):
    assert type_of(beginning) == wanted


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_character_that_the_cut_went_through_is_still_text(cut):
    assert type_of(b"x" * (SNIFFED_BYTES - cut) + "🐦".encode()) == "text/plain"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("report.txt", "report.txt"),
        ("out/report.txt", "report.txt"),
        ("../../etc/passwd", "passwd"),
        ("..", "fallback"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ('a"b.txt', "a_b.txt"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie_ x.txt"),
        ("a\0b", "ab"),
        ("gpj.\u202eexe", "gpj.exe"),
        (".bashrc", "bashrc"),
        ("con.txt", "_con.txt"),
        ("%2e%2e%2fx", "_2e_2e_2fx"),
        ("", "fallback"),
        ("日報.pdf", "日報.pdf"),
        ("x\ud800y", "xy"),
        ("   . ", "fallback"),
    ],
)
def test_a_name_that_goes_out_is_a_name_alone(path, wanted):
    assert safe_name(path, otherwise="fallback") == wanted


@pytest.mark.parametrize("path", ["a" * 400 + ".txt", "鳥" * 300 + ".txt", "x." + "y" * 500])
def test_a_long_name_is_cut_and_keeps_its_ending(path):
    name = safe_name(path, otherwise="x")

    assert len(name.encode()) <= 200
    assert path.endswith("y") or name.endswith(".txt")


def test_the_beginning_of_a_text_is_shown_with_what_hides_in_it():
    shown = text_preview(io.BytesIO("\ufeffa\r\nb\x1b[31m\u202ec\0".encode()))

    assert shown.text == "a\nb⟨U+001B⟩[31m⟨U+202E⟩c⟨U+0000⟩"
    assert not shown.is_cut


def test_a_long_text_is_cut_between_characters():
    shown = text_preview(io.BytesIO(b"x" * (TEXT_BYTES - 1) + "ë and more".encode()))

    assert shown.is_cut
    assert shown.text == "x" * (TEXT_BYTES - 1)


# Archives

MOMENT = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def member(path, content=b"x"):
    return Member(path, len(content), MOMENT, lambda: io.BytesIO(content))


def unzipped(members):
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(members))))
    assert archive.testzip() is None
    return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.txt", "b/c.txt"], ["a.txt", "b/c.txt"]),
        (["../../etc/passwd", "/etc/passwd"], ["etc/passwd", "etc (2)/passwd (2)"]),
        (["a/../../b", "a/./b"], ["a/b", "a (2)/b (2)"]),
        (["C:\\x\\y.txt"], ["C_/x/y.txt"]),
        (["A.txt", "a.TXT", "a.txt"], ["A.txt", "a (2).TXT", "a (3).txt"]),
        (["a", "a/b"], ["a", "a (2)/b (2)"]),
        (["a/b", "a"], ["a/b", "a (2)"]),
        (["..", "/", ""], ["file", "file (2)", "file (3)"]),
        (["a\0b\n.txt"], ["ab.txt"]),
        ([MISSING], ["FILES THAT ARE MISSING (2).txt"]),
    ],
)
def test_names_in_an_archive_lead_nowhere_and_do_not_clash(paths, names):
    assert archive_names(paths) == names


def test_ten_thousand_files_of_one_name_get_as_many_names():
    names = archive_names(["a.txt"] * 10_000)

    assert len(set(names)) == 10_000


def test_an_archive_holds_every_file_and_names_those_that_vanished():
    def vanished():
        raise FileVanished

    found = unzipped(
        [
            member("a.txt", b"first"),
            Member("gone.txt", 5, MOMENT, vanished),
            member("a.txt", b"second"),
        ]
    )

    assert found == {"a.txt": b"first", "a (2).txt": b"second", MISSING: b"gone.txt\n"}


def test_an_archive_is_made_while_it_is_sent():
    """The first chunk is there before the last file is opened."""
    opened = []

    def opening(name):
        def open_file():
            opened.append(name)
            return io.BytesIO(noise)

        return open_file

    noise = random.Random(1).randbytes(2 * 10**6)  # noqa: S311 - what does not compress
    members = [Member(name, len(noise), MOMENT, opening(name)) for name in "abc"]
    chunks = zipped(members)

    next(chunks)

    assert opened == ["a"]
    assert len(b"".join(chunks)) > 3 * 10**6
    assert opened == ["a", "b", "c"]


def test_an_empty_archive_is_one():
    assert unzipped([]) == {}
