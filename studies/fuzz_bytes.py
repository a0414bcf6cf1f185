"""Ways to damage bytes and lines of text, drawn from one random generator."""

import re

import numpy as np

NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
ABSURD = "nan inf -inf 1e308 -1e308 1e-308 99999 -99999 9999 0 -0 1e5 360.5 -91 1_0 0x1F 1900 2262 9999999999999999999"
WORDS = [b"\x00\x1b[31m\x07", "é°中".encode("utf-16"), b"\xff\xfe", b"A" * 5000, b"\n\n\n", b"\r", b"=" * 81, b"]]}}"]


def damaged_bytes(content: bytes, rng) -> tuple[list[str], bytes]:
    """Bytes with one to three damages, and their names."""
    ways = list(BYTES) + (list(TEXTS) * 2 if _is_text(content) else [])
    names = [str(name) for name in rng.choice(ways, rng.integers(1, 4))]
    for name in names:
        if content:
            content = (BYTES | TEXTS)[name](content, rng)
    return names, content


def _is_text(content):
    return all(31 < byte < 127 or byte in b"\r\n\t" for byte in content[:200])


# --- bytes


def _span(content, rng, longest=4096):
    first = int(rng.integers(0, len(content)))
    return first, min(len(content), first + int(rng.integers(1, longest)))


def _cut(content, rng):
    return content[: int(rng.integers(0, len(content)))]


def _flip(content, rng):
    changed = np.frombuffer(content, np.uint8).copy()
    # headers are where damage matters: half of the bits lie in the first kilobyte
    end = min(1024, len(changed)) if rng.random() < 0.5 else len(changed)
    for at in rng.integers(0, end, rng.integers(1, 20)):
        changed[at] ^= 1 << rng.integers(0, 8)
    return changed.tobytes()


def _zero(content, rng):
    first, last = _span(content, rng)
    return content[:first] + bytes(last - first) + content[last:]


def _drop(content, rng):
    first, last = _span(content, rng)
    return content[:first] + content[last:]


def _repeat(content, rng):
    first, last = _span(content, rng)
    return content[:last] + content[first:last] * int(rng.integers(1, 20)) + content[last:]


def _insert(content, rng):
    first, _ = _span(content, rng)
    return content[:first] + WORDS[rng.integers(len(WORDS))] + content[first:]


def _noise(content, rng):
    first, last = _span(content, rng, 256)
    return content[:first] + rng.bytes(last - first) + content[last:]


def _twice(content, rng):
    return content + content


BYTES = dict(cut=_cut, flip=_flip, zero=_zero, drop=_drop, repeat=_repeat, insert=_insert, noise=_noise, twice=_twice)


# --- texts


def _lines(change):
    def damage(content, rng):
        lines = content.split(b"\n")
        return b"\n".join(change(lines, rng))

    return damage


def _move_line(lines, rng):
    lines.insert(int(rng.integers(0, len(lines))), lines.pop(int(rng.integers(0, len(lines)))))
    return lines


def _leave_out_line(lines, rng):
    del lines[int(rng.integers(0, len(lines)))]
    return lines


def _shuffle_lines(lines, rng):
    first, last = _span(lines, rng, 40)
    return lines[:first] + [lines[i] for i in rng.permutation(np.arange(first, last))] + lines[last:]


def _shift_line(lines, rng):
    at = int(rng.integers(0, len(lines)))
    lines[at] = b" " + lines[at] if rng.random() < 0.5 else lines[at][1:]
    return lines


def _absurd_number(content, rng):
    found = list(NUMBER.finditer(content[:4000] if rng.random() < 0.5 else content))
    if not found:
        return content
    match, value = found[rng.integers(len(found))], str(rng.choice(ABSURD.split())).encode()
    if rng.random() < 0.5:  # the same width: fixed columns stay
        value = value[: match.end() - match.start()].rjust(match.end() - match.start())
    return content[: match.start()] + value + content[match.end() :]


def _encode(content, rng):
    return content.decode("latin-1").encode(str(rng.choice(["utf-16", "utf-32", "utf-8-sig", "cp037"])))


def _line_ends(content, rng):
    return content.replace(b"\n", (b"\r\n", b"\r", b"\x0b", b"\x85")[rng.integers(4)])


TEXTS = {
    "move a line": _lines(_move_line),
    "leave out a line": _lines(_leave_out_line),
    "shuffle lines": _lines(_shuffle_lines),
    "shift a line": _lines(_shift_line),
    "absurd number": _absurd_number,
    "number again": _absurd_number,
    "encoding": _encode,
    "line ends": _line_ends,
}
