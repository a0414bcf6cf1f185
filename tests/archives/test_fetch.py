"""Fetching from a server on this machine that does all that archives do wrong; nothing outside is asked."""

import gzip
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from rstmrf.archives import fetch_cosmic2, fetch_indices, fetch_tec
from rstmrf.archives.fetch import HASHES, Manner
from rstmrf.archives.table import days, entry_of, read_table, wanted
from rstmrf.errors import InputError

FAST = Manner(pause_s=0.0, tries=3, timeout_s=0.5)
IONEX = (
    b"     1.1            IONOSPHERE MAPS     GPS                 IONEX VERSION / TYPE\n" + 30000 * b"  1  2  3  4\n"
)
IONEX = gzip.compress(IONEX + b" " * 60 + b"END OF FILE\n", compresslevel=0)
LOGIN = b"<!DOCTYPE html><html><form>Earthdata Login <input type='password'></form></html>"
MOVED = b"<html><body>This page has moved.</body></html>"
TABLE = b"# Kp\n" + b"2020 01 08 " + b"1.0 " * 25 + b"\n"


class Archive(BaseHTTPRequestHandler):
    """The first folder of an address says how the server behaves; `state` counts requests and keeps headers."""

    def log_message(self, *_):
        """Silent."""

    def do_GET(self):
        way = self.path.split("/")[1]
        state = self.server.state
        with state["lock"]:
            state["asked"].append((self.path, dict(self.headers)))
            number = sum(path == self.path for path, _ in state["asked"])
        getattr(self, f"do_{way}")(number)

    def send(self, body, code=200, length=None, **headers):
        self.send_response(code)
        for name, value in {"Content-Length": len(body) if length is None else length, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_good(self, number):
        self.send(self.server.state.get("body", IONEX), ETag='"1"')

    def do_absent(self, number):
        self.send(b"not here", 404)

    def do_forbidden(self, number):
        self.send(LOGIN, 401)

    def do_html(self, number):
        self.send(MOVED)

    def do_login(self, number):
        self.send(b"", 302, Location="/page/login")

    def do_page(self, number):
        self.send(LOGIN)

    def do_broken(self, number):
        """Breaks off half-way, again and again; goes on from where it is asked to unless the file has changed."""
        first = 0
        if "Range" in self.headers and self.headers.get("If-Range") == '"1"':
            first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        rest = IONEX[first:]
        part = {} if not first else {"Content_Range": f"bytes {first}-{len(IONEX) - 1}/{len(IONEX)}"}
        self.send(
            rest[: 1 + len(rest) // 2] if number < 3 else rest, 206 if first else 200, len(rest), ETag='"1"', **part
        )
        self.close_connection = True

    def do_changed(self, number):
        """Breaks off, and then has another file, which it sends whole."""
        body = IONEX if number > 1 else b"x" * 5000
        self.send(body if number > 1 else body[:2000], length=len(body), ETag=f'"{number}"')

    def do_short(self, number):
        self.send(IONEX[: len(IONEX) // 2])

    def do_busy(self, number):
        self.send(b"later", 503) if number < 3 else self.send(IONEX)

    def do_closed(self, number):
        self.send(b"later", 503)

    def do_silent(self, number):
        self.server.state["stop"].wait(3)


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    found.state = {"asked": [], "lock": threading.Lock(), "stop": threading.Event()}
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.state["stop"].set()
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def table(server, tmp_path):
    """A user's table in which the centre's name is the way the server behaves."""
    ways = [name.removeprefix("do_") for name in vars(Archive) if name.startswith("do_") and name != "do_GET"]
    at = f"http://127.0.0.1:{server.server_port}"
    text = [f'[[tec.{way}.files]]\nurls = ["{at}/{way}/{{ddd}}.{{yy}}i.gz"]' for way in ways]
    text.append(f'[[tec.second.files]]\nurls = ["{at}/absent/{{ddd}}.gz", "{at}/good/{{ddd}}.gz"]')
    text.append(f'[[indices.gfz.files]]\nurls = ["{at}/good/Kp.txt"]')
    text.append(f'[[cosmic2.ucar.files]]\nurls = ["{at}/good/ionPrf_{{yyyy}}_{{ddd}}.tar.gz"]')
    path = tmp_path / "archives.toml"
    path.write_text("\n".join(text))
    return path


@pytest.fixture
def fetch(table, tmp_path):
    def one(way, first="2024-02-04", last=None, manner=FAST):
        return fetch_tec(way, first, last or first, tmp_path / "tec", table=table, manner=manner)

    one.folder = tmp_path / "tec"
    return one


def kept(folder):
    """Names under which a reader of the folder would take a file for whole."""
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and ".part" not in p.suffixes)


def test_days_come_once_and_their_hashes_are_noted(fetch, server):
    found = fetch("good", "2024-02-04", "2024-02-06")
    assert [p.name for p in found.files] == ["035.24i.gz", "036.24i.gz", "037.24i.gz"] and found.n_new == 3
    assert all(p.read_bytes() == IONEX for p in found.files)
    line = (fetch.folder / HASHES).read_text().splitlines()[0]
    assert line == f"{hashlib.sha256(IONEX).hexdigest()}  035.24i.gz"
    assert fetch("good", "2024-02-04", "2024-02-06").n_new == 0 and len(server.state["asked"]) == 3
    assert fetch("good", manner=FAST._replace(offline=True)).n_new == 0


def test_a_broken_transfer_goes_on_where_it_ended(fetch, server):
    assert fetch("broken").files[0].read_bytes() == IONEX
    ranges = [headers.get("Range", "bytes=0-") for _, headers in server.state["asked"]]
    first, second, third = (int(text.removeprefix("bytes=").removesuffix("-")) for text in ranges)
    assert 0 == first < second <= 1 + len(IONEX) // 2 < third < len(IONEX)
    assert kept(fetch.folder) == ["035.24i.gz", HASHES]


def test_a_later_command_goes_on_too(fetch, server):
    with pytest.raises(InputError, match="broke off"):
        fetch("broken", manner=FAST._replace(tries=1))
    assert kept(fetch.folder) == []
    fetch("broken", manner=FAST._replace(tries=2))
    assert server.state["asked"][1][1]["Range"].startswith("bytes=") and kept(fetch.folder) == ["035.24i.gz", HASHES]


def test_a_file_that_changed_meanwhile_is_begun_anew(fetch):
    assert fetch("changed").files[0].read_bytes() == IONEX


def test_a_busy_archive_is_asked_again(fetch, server):
    fetch("busy")
    assert len(server.state["asked"]) == 3


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("absent", r"035.24i.gz: 127.0.0.1:\d+ has no such file \(404"),
        ("forbidden", r"asks for a login or forbids it \(401\); if you have an account, put 'machine 127.0.0.1"),
        ("html", "a web page came instead of data; the archive may have moved"),
        ("login", "a login page came instead of data; put name and password"),
        ("short", r"what came is damaged or cut short \(Compressed file ended"),
        ("closed", r"is busy \(503\) .*, 3 times; try again later"),
        ("silent", "did not answer within 0.5 s"),
    ],
)
def test_every_failure_is_one_sentence_and_leaves_no_file(fetch, way, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        fetch(way)
    assert "\n" not in str(error.value)
    assert kept(fetch.folder) == []


def test_no_network_is_said_at_once_for_all_days(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[[tec.code.files]]\nurls = ["http://127.0.0.1:9/{ddd}.gz"]')
    with pytest.raises(
        InputError, match=r"5 of 5 files could not be had.*cannot be reached; is there a network"
    ) as error:
        fetch_tec("code", "2024-02-04", "2024-02-08", tmp_path / "tec", table=path, manner=FAST._replace(parallel=1))
    assert kept(tmp_path / "tec") == [] and "\n" not in str(error.value)


def test_days_that_are_there_are_kept_when_others_are_not(fetch, server):
    assert fetch("second").n_new == 1  # the second address has what the first lacks
    fetch("good", "2024-02-05")
    with pytest.raises(InputError, match="2 of 3 files could not be had, the others are in"):
        fetch("absent", "2024-02-05", "2024-02-07")


def test_another_file_under_a_known_name_is_refused_and_the_old_one_stays(fetch, server):
    path = fetch("good").files[0]
    path.unlink()
    server.state["body"] = gzip.compress(gzip.decompress(IONEX), compresslevel=9)
    with pytest.raises(InputError, match="another SHA-256 than at its first fetch"):
        fetch("good")
    assert kept(fetch.folder) == [HASHES]


def test_a_damaged_file_on_disk_is_fetched_again(fetch):
    path = fetch("good").files[0]
    path.write_bytes(b"overwritten")
    with pytest.raises(InputError, match="differs from what was first fetched, and nothing may be fetched offline"):
        fetch("good", manner=FAST._replace(offline=True))
    assert fetch("good").n_new == 1 and path.read_bytes() == IONEX


def test_archives_are_not_asked_in_crowds(fetch):
    with pytest.raises(InputError, match="parallel=9 is not accepted; give 1 to 4"):
        fetch("good", manner=FAST._replace(parallel=9))


def test_requests_to_one_host_keep_apart(monkeypatch):
    """By a clock of the test's own; another host is not kept waiting."""
    from rstmrf.archives import download

    now, times = [100.0], []
    monkeypatch.setattr(download.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(download.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    politeness = download.Politeness(0.05)
    for _ in range(4):
        politeness.wait("a")
        times.append(now[0])
    assert np.allclose(np.diff(times), 0.05)
    politeness.wait("b")
    assert now[0] == times[-1]


def test_a_table_of_indices_is_fetched_again_when_a_day_old(table, tmp_path, server):
    import os

    server.state["body"] = TABLE
    found = fetch_indices(tmp_path, table=table, manner=FAST)
    assert fetch_indices(tmp_path, table=table, manner=FAST).n_new == 0
    yesterday = found.files[0].stat().st_mtime - 90_000
    os.utime(found.files[0], (yesterday, yesterday))
    server.state["body"] = TABLE + TABLE[5:].replace(b"01 08", b"01 09")
    assert fetch_indices(tmp_path, table=table, manner=FAST).n_new == 1
    assert found.files[0].read_bytes().count(b"2020") == 2


def test_terms_are_shown_and_asked_once(table, tmp_path, server):
    with tarfile.open(fileobj=(packed := io.BytesIO()), mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("ionPrf_nc"))
    server.state["body"] = packed.getvalue()
    shown = []

    def accept(terms):
        shown.append(terms)
        return len(shown) > 1

    with pytest.raises(InputError, match="terms were not accepted, so nothing was fetched"):
        fetch_cosmic2("2024-02-04", "2024-02-04", tmp_path / "c2", accept=accept, table=table, manner=FAST)
    assert not server.state["asked"]
    for day in ("2024-02-04", "2024-02-05"):
        (file,) = fetch_cosmic2(day, day, tmp_path / "c2", accept=accept, table=table, manner=FAST).files
    assert file.name == "ionPrf_2024_036.tar.gz" and len(shown) == 2
    assert "citation" in shown[0] and "10.5065/T353-C093" in shown[0]


@pytest.mark.parametrize(
    ("centre", "day", "name", "address"),
    [
        ("code", "2020-01-08", "codg0080.20i.Z", "CODE/2020/CODG0080.20I.Z"),
        ("code", "2022-11-26", "codg3300.22i.Z", "CODE/2022/CODG3300.22I.Z"),
        ("code", "2022-11-27", "COD0OPSFIN_20223310000_01D_01H_GIM.INX.gz", "2022/COD0OPSFIN_2022331"),
        ("upc", "2019-04-25", "uqrg1150.19i.Z", "rapid/2019/115_190425.15min/uqrg1150.19i.Z"),
        ("igs", "2024-02-04", "IGS0OPSFIN_20240350000_01D_02H_GIM.INX.gz", "2024/035/IGS0OPSFIN_20240350000"),
        ("igs", "2014-10-27", "igsg3000.14i.Z", "ionex/2014/300/igsg3000.14i.Z"),
    ],
)  # fmt: skip
def test_names_before_and_after_gps_week_2238(centre, day, name, address):
    found = wanted(entry_of(read_table(), "tec", centre), days(day, day)[0])
    assert found.name == name and address in found.urls[0]


def test_cosmic2_files_are_named_by_year_and_day_of_year():
    found = wanted(entry_of(read_table(), "cosmic2", "ucar"), days("2024-12-31", "2024-12-31")[0])
    assert found.name == "ionPrf_prov1_2024_366.tar.gz" and "/level2/2024/366/" in found.urls[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tec = [", "cannot be read as a table of archives"),
        ('[[tec.code.files]]\nurls = ["http://a/{hour}.gz"]', "holds 'hour'; known are yyyy, yy"),
        ('[[tec.code.files]]\nurls = ["ftp://a/b.gz"]', "http:// and https:// can"),
        ('[[tec.code.files]]\nurls = ["http://a/b.gz"]\nname = "../b.gz"', "cannot be the name of a file"),
        ("[tec.code]\nfiles = []", "has no address for this day"),
    ],
)
def test_a_wrong_table_is_named(tmp_path, text, sentence):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        fetch_tec("code", "2024-02-04", "2024-02-04", tmp_path, table=path)


def test_wrong_requests_are_named(tmp_path):
    with pytest.raises(InputError, match="centre='cod' is unknown; of tec there are code, upc, igs"):
        fetch_tec("cod", "2024-02-04", "2024-02-04", tmp_path)
    with pytest.raises(InputError, match="the end lies before the start"):
        fetch_tec("code", "2024-02-04", "2024-02-03", tmp_path)
    with pytest.raises(InputError, match="two dates are needed"):
        fetch_tec("code", "yesterday", "today", tmp_path)


def test_two_processes_do_not_fetch_into_one_folder(fetch):
    from filelock import FileLock

    fetch.folder.mkdir()
    with FileLock(fetch.folder / ".lock"), pytest.raises(InputError, match="another process fetches into it"):
        fetch("good")
    assert fetch("good").n_new == 1


def test_a_damaged_list_of_hashes_is_one_sentence(fetch):
    fetch("good")
    (fetch.folder / HASHES).write_bytes(b"\xff\xfe\n")
    with pytest.raises(InputError, match="line 1 is no hash with a name; delete the line"):
        fetch("good")
    (fetch.folder / HASHES).unlink()
    assert fetch("good").n_new == 0 and HASHES in kept(fetch.folder)
