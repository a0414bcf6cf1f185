"""Where archives keep their files: the packaged table, a user's changes to it, and addresses of a day."""

import datetime as dt
import os
import tomllib
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlparse

from rstmrf.errors import InputError

PACKAGED = Path(__file__).with_name("archives.toml")
ENVIRONMENT = "RSTMRF_ARCHIVES"
GPS_EPOCH = dt.date(1980, 1, 6)


class Wanted(NamedTuple):
    """A file to be had: the name it shall get, and the addresses to try in turn."""

    name: str
    urls: list[str]


def read_table(path: str | Path | None = None) -> dict:
    """The packaged table with a user's entries laid over it: those of `path`, else of the file RSTMRF_ARCHIVES names.

    Raises:
        InputError: the file is absent or no TOML.
    """
    own = path or os.environ.get(ENVIRONMENT)
    table = tomllib.loads(PACKAGED.read_text(encoding="utf-8"))
    if not own:
        return table
    try:
        return _laid_over(table, tomllib.loads(Path(own).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{own}: cannot be read as a table of archives ({error}); TOML is needed") from None


def entry_of(table: dict, kind: str, centre: str) -> dict:
    """One archive of the table.

    Raises:
        InputError: it is not there; the sentence names those that are.
    """
    known = table.get(kind, {})
    if centre not in known:
        raise InputError(f"centre={centre!r} is unknown; of {kind} there are {', '.join(known)}")
    return known[centre]


def wanted(entry: dict, day: dt.date) -> Wanted:
    """Name and addresses of an archive's file of a day.

    Raises:
        InputError: the archive has no entry for that day, or one without a usable address.
    """
    form = next((form for form in entry.get("files", []) if day < form.get("until", dt.date.max)), None)
    if form is None or not form.get("urls"):
        raise InputError(f"{day}: the table of archives has no address for this day; give it 'files' with 'urls'")
    parts = {
        "yyyy": f"{day:%Y}",
        "yy": f"{day:%y}",
        "mm": f"{day:%m}",
        "dd": f"{day:%d}",
        "ddd": f"{day:%j}",
        "week": f"{(day - GPS_EPOCH).days // 7:04d}",
    }
    try:
        urls = [url.format(**parts) for url in form["urls"]]
        name = form["name"].format(**parts) if "name" in form else PurePosixPath(urlparse(urls[0]).path).name
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"an address in the table of archives holds {error}; known are {', '.join(parts)}") from None
    for url in urls:
        if urlparse(url).scheme not in ("http", "https"):
            raise InputError(f"{url}: is no address that can be fetched; http:// and https:// can")
    if PurePosixPath(name).name != name or name.startswith("."):
        raise InputError(f"{name!r} cannot be the name of a file to fetch; a plain name is needed")
    return Wanted(name, urls)


def days(start, end) -> list[dt.date]:
    """Every day from `start` to `end`, both included.

    Raises:
        InputError: no dates, or an end before the start.
    """
    try:
        first, last = (d if isinstance(d, dt.date) else dt.date.fromisoformat(str(d)[:10]) for d in (start, end))
    except ValueError:
        raise InputError(f"{start} to {end}: two dates are needed, such as 2024-09-01 and 2024-09-30") from None
    if last < first:
        raise InputError(f"{first} to {last}: the end lies before the start")
    return [first + dt.timedelta(n) for n in range((last - first).days + 1)]


def _laid_over(below, above):
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: _laid_over(below.get(key), value) for key, value in above.items()}
