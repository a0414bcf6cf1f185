"""One file over HTTP: begun again where it broke off, tried again with growing pauses, and judged before it is kept."""

import contextlib
import gzip
import os
import threading
import time
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlparse

import requests
import unlzw3

from rstmrf.errors import InputError

CHUNK_BYTES = 2**15
BUSY = (408, 425, 429, 500, 502, 503, 504)
HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml")
LOGIN_WORDS = (b'type="password"', b"type='password'", b"earthdata", b"sign in", b"log in", b"login")


class NotThere(InputError):
    """The archive answers that it has no such file."""


class NotReached(InputError):
    """No answer from the archive, or none in time."""


class Politeness:
    """At least `pause_s` [s] between two requests to one host, whatever the number of threads."""

    def __init__(self, pause_s: float):
        self._pause_s, self._lock, self._next = pause_s, threading.Lock(), {}

    def wait(self, host: str) -> None:
        """Sleep until the host may be asked again."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next.get(host, now))
            self._next[host] = at + self._pause_s
        time.sleep(at - now)


class Downloader:
    """A downloader as pooch calls it: `downloader(url, output_file, pooch)`.

    What came of a file that broke off stays beside it as `NAME.part`, and a later call goes on there if the archive
    still has the same file (its ETag or date).

    Args:
        name: of the file, for sentences and for `NAME.part`; folder: where it shall stand.
        judge: called with the path of what came; raises InputError where that is not what was wanted.
        politeness: shared by all downloads. tries: at most. timeout_s: for a connection, and for each piece.
        pause_s: before the second try; doubled before each further one. came: called with numbers of bytes.
    """

    def __init__(self, name, folder, judge, politeness, *, tries=4, timeout_s=30.0, pause_s=2.0, came=lambda n: None):
        self.name, self.part = name, Path(folder, f"{name}.part")
        self.tag = Path(folder, f"{name}.part.tag")
        self.judge, self.politeness, self.came = judge, politeness, came
        self.tries, self.timeout_s, self.pause_s = tries, timeout_s, pause_s

    def __call__(self, url, output_file, pooch=None):
        for attempt in range(1, self.tries + 1):
            try:
                self._get(url)
                break
            except _Again as trouble:
                if attempt == self.tries:
                    raise NotReached(f"{self.name}: {trouble} ({url}), {self.tries} times; try again later") from None
                time.sleep(max(self.pause_s * 2 ** (attempt - 1), trouble.wait_s))
        try:
            self.judge(self.part, url)
        except InputError:
            self._forget()
            raise
        os.replace(self.part, output_file)
        self.tag.unlink(missing_ok=True)

    def _forget(self):
        self.part.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)

    def _get(self, url):
        host = urlparse(url).netloc
        headers = {"User-Agent": f"rstmrf/{version('rstmrf')}", "Accept-Encoding": "identity"}
        done = self.part.stat().st_size if self.part.exists() and self.tag.exists() else 0
        if done:
            headers |= {"Range": f"bytes={done}-", "If-Range": self.tag.read_text()}
        self.politeness.wait(host)
        try:
            with requests.get(url, headers=headers, stream=True, timeout=self.timeout_s) as answer:
                self._check_answer(answer, url, host)
                self._store(answer, done if answer.status_code == 206 else 0)
        except requests.exceptions.Timeout:
            raise _Again(f"{host} did not answer within {self.timeout_s:g} s") from None
        except requests.exceptions.SSLError as error:
            raise NotReached(f"{self.name}: {host} cannot be trusted ({error})") from None
        except requests.exceptions.ChunkedEncodingError:
            raise _Again(f"{host} broke off") from None
        except requests.exceptions.ConnectionError as error:
            if "timed out" in str(error):
                raise _Again(f"{host} fell silent for {self.timeout_s:g} s") from None
            raise _Again(f"{host} cannot be reached; is there a network?") from None
        except requests.exceptions.RequestException as error:
            raise NotReached(f"{self.name}: {url} cannot be fetched ({error})") from None

    def _check_answer(self, answer, url, host):
        code = answer.status_code
        if code in (404, 410):
            raise NotThere(
                f"{self.name}: {host} has no such file ({code}, {url}); is that day already, or still, there?"
            )
        if code in (401, 403):
            raise InputError(
                f"{self.name}: {host} asks for a login or forbids it ({code}); if you have an account, "
                f"put 'machine {urlparse(answer.url).netloc} login NAME password WORD' into ~/.netrc"
            )
        if code == 416:
            self._forget()
            raise _Again(f"{host} has no more of it than is here")
        if code in BUSY:
            wait = answer.headers.get("Retry-After", "")
            raise _Again(f"{host} is busy ({code})", float(wait) if wait.isdigit() else 0.0)
        if code not in (200, 206):
            raise InputError(f"{self.name}: {host} answers {code} {answer.reason} ({url}); 200 is expected")

    def _store(self, answer, done):
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if not done:
            self.tag.unlink(missing_ok=True)
        if tag and not tag.startswith("W/"):
            self.tag.write_text(tag)
        with open(self.part, "ab" if done else "wb") as file:
            for piece in answer.iter_content(CHUNK_BYTES):
                file.write(piece)
                self.came(len(piece))


class _Again(Exception):
    """Trouble that may pass; `wait_s`: what the archive asks to wait."""

    def __init__(self, sentence, wait_s=0.0):
        super().__init__(sentence)
        self.wait_s = wait_s


def judge_ionex(file: Path, url: str) -> None:
    """Refuse what is not a whole IONEX file, plain, gzip or compress; raises InputError."""
    text = _content(file, url)
    if b"IONEX VERSION" not in text[:200]:
        raise InputError(f"{url}: what came is no IONEX file, it begins with {text[:40]!r}")
    if b"END OF FILE" not in text[-400:]:
        raise InputError(f"{url}: what came is cut short, the end of the IONEX file is missing")


def judge_packed(file: Path, url: str) -> None:
    """Refuse what is not a whole gzip file; raises InputError."""
    _refuse_html(file, url)
    if not _begins(file, b"\x1f\x8b"):
        raise InputError(f"{url}: what came is no .tar.gz file")
    with _damage_told(url), gzip.open(file) as opened:
        while opened.read(2**20):
            pass


def judge_table(file: Path, url: str) -> None:
    """Refuse what is no table of Kp and F10.7; raises InputError."""
    _refuse_html(file, url)
    lines = file.read_bytes().splitlines()
    rows = [line for line in lines if line[:4].isdigit() and len(line.split()) > 20]
    if not rows:
        raise InputError(f"{url}: what came holds no line of a table of Kp and F10.7")
    if lines[-1].split() and rows[-1] == lines[-1] and len(lines[-1].split()) != len(rows[0].split()):
        raise InputError(f"{url}: what came is cut short in its last line")


def _content(file: Path, url: str) -> bytes:
    _refuse_html(file, url)
    with _damage_told(url):
        content = file.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content)
        return unlzw3.unlzw(content) if content.startswith(b"\x1f\x9d") else content


def _refuse_html(file: Path, url: str) -> None:
    head = file.read_bytes()[: 2**16].lower()
    if not head.lstrip().startswith(HTML):
        return
    if any(word in head for word in LOGIN_WORDS):
        raise InputError(
            f"{url}: a login page came instead of data; put name and password of your account into ~/.netrc, "
            "for the machine that asks (Earthdata: urs.earthdata.nasa.gov)"
        )
    raise InputError(f"{url}: a web page came instead of data; the archive may have moved, see the table of archives")


def _begins(file: Path, magic: bytes) -> bool:
    with open(file, "rb") as opened:
        return opened.read(len(magic)) == magic


@contextlib.contextmanager
def _damage_told(url):
    try:
        yield
    except (OSError, EOFError, ValueError, gzip.zlib.error) as error:
        raise InputError(f"{url}: what came is damaged or cut short ({error})") from None
