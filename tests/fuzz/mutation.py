"""Bytes that were right, changed."""

from __future__ import annotations

import re
from random import Random

_WORDS = """
0 -1 1 2 3 1.5 -0.0 .5 5. +1 01 1_0 1e5 1e30 1e999 -1e999 100001 -100001 999999999 1000000000 nan NaN inf Infinity
-Infinity null true false 0x10 ١٢ １２ ² .. ../ /../ ../../etc/passwd /etc/passwd ~/a.jpg ..\\..\\a.jpg C:\\a.jpg s3://b/k
file:///etc/passwd http://127.0.0.1/a //b/k [ ] { } [] {} [1] "a" "" " ' ` , ; : _ - . / # %00 train val dress image id
x1 x2
"""
#: What other programs, other languages and other intentions put into a file.
TOKENS = [
    *(word.encode() for word in _WORDS.split()),
    b'9' * 40, b'9' * 400, b'9' * 5000, b'1' + b'0' * 300, b'0.' + b'1' * 2000,
    *(character.encode() for character in
      '\x00\x01\x08\x0b\x0c\x19\x1c\x1f\x7f\x85\xa0\u3000\u2028\u2029\u200b\ufeff\u202e衣👕'),
    b'\xff\xfe', b'\xfe\xff', b'\xef\xbb\xbf', b'\xe5', b'\xed\xa0\x80', b'\\ud800', b'\\u0000', b'\\n',
    b' ', b'  ', b'\t', b'\n', b'\r', b'\r\n', b'\n\n', b'\\', b'\\"', b'[' * 3000, b'{"a":' * 3000, b'x' * 300,
]
#: So long that they are rare: they take their time.
LONG_TOKENS = [b'x' * 200_000, b'9' * 200_000, b'[' * 200_000, b'a/' * 5000, '衣'.encode() * 60_000]

_part = re.compile(rb'"[^"\n]*"|-?[0-9.]+|\w+|[^\w\s]')


def mutate(random: Random, content: bytes) -> bytes:
    """``content`` after one to four changes."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        content = random.choice(_CHANGES)(random, content)
    return content


def _token(random: Random) -> bytes:
    return random.choice(LONG_TOKENS if random.random() < 0.002 else TOKENS)


def _span(random: Random, content: bytes, longest: int = 40) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.randint(0, longest))


def _flip(random: Random, content: bytes) -> bytes:
    changed = bytearray(content or b' ')
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _insert(random: Random, content: bytes) -> bytes:
    start, _ = _span(random, content)
    return content[:start] + _token(random) + content[start:]


def _delete(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    return content[:start] + content[end:]


def _duplicate(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content, longest=200)
    return content[:end] + content[start:end] * random.choice((1, 1, 2, 9)) + content[end:]


def _splice(random: Random, content: bytes) -> bytes:
    """A part of it in another place."""
    (start, end), (other, other_end) = _span(random, content), _span(random, content)
    return content[:other] + content[start:end] + content[other_end:]


def _truncate(random: Random, content: bytes) -> bytes:
    return content[:random.randrange(len(content) + 1)]


def _replace_part(random: Random, content: bytes) -> bytes:
    """A number, a word, a string or a sign by another."""
    parts = list(_part.finditer(content))
    if not parts:
        return _insert(random, content)
    part = random.choice(parts)
    other = _token(random) if random.random() < 0.8 else random.choice(parts).group()
    if part.group().startswith(b'"') and random.random() < 0.5:
        other = b'"' + other + b'"'
    return content[:part.start()] + other + content[part.end():]


def _lines(random: Random, content: bytes) -> bytes:
    """Lines in another order, one twice, one gone, or with other ends."""
    lines = content.split(b'\n')
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    way = random.randrange(5)
    if way == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif way == 1:
        lines.insert(other, lines[one])
    elif way == 2:
        del lines[one]
    return random.choice((b'\r', b'\r\n', b'\x85', b'\x0b') if way == 3 else (b'\n', )).join(lines)


def _encode(random: Random, content: bytes) -> bytes:
    text = content.decode('utf-8', 'replace')
    return random.choice((
        b'\xef\xbb\xbf' + content, text.encode('utf-16', 'replace'), text.encode('latin-1', 'replace')))


_CHANGES = (*(_flip, _insert, _delete, _duplicate, _splice, _lines) * 2, *(_replace_part, ) * 8, _truncate, _encode)
