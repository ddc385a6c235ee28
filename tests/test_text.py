"""Text from other people's files."""

import pytest

from pcloss_mmpose.errors import FileFormatError
from pcloss_mmpose.text import LONGEST_NAME, brief, decode, is_name, with_slashes


@pytest.mark.parametrize('content', [b'a\nb\n', b'a\r\nb\r\n', b'a\rb\r', b'\xef\xbb\xbfa\r\nb\n'])
def test_line_ends_and_byte_order_mark(content):
    assert decode('x', content) == 'a\nb\n'


@pytest.mark.parametrize(('content', 'line'), [(b'\xe5', 1), (b'a\r\n\r\n\xe5', 3), (b'a\rb\r\xe5', 3)])
def test_the_line_of_another_encoding(content, line):
    with pytest.raises(FileFormatError, match=f'x, line {line}: not UTF-8'):
        decode('x', content)


@pytest.mark.parametrize(('name', 'fits'), [
    ('Images/a b.jpg', True), ('衣/a\xa0b.jpg', True), ('..\\a.jpg', True), ('a' * LONGEST_NAME, True),
    ('', False), ('a' * (LONGEST_NAME + 1), False), ('a\tb', False), ('a\nb', False), ('\x7f', False), ('\x85', False),
    ('\ufeffa', False), ('\ud800', False),
])
def test_names_of_images(name, fits):
    assert bool(is_name(name)) == fits


def test_slashes_only_where_they_help():
    files = {'a\\b', 'a/b', 'c/d'}
    assert [with_slashes(path, files.__contains__) for path in ('a\\b', 'a/b', 'c\\d', 'e\\f')] == [
        'a\\b', 'a/b', 'c/d', 'e\\f']


def test_long_values_are_short_in_messages():
    for value in ('x' * 10**6, 10**400, [1] * 10**6, {'a': [[['x' * 10**6]]]}):
        assert len(brief(value)) <= 220
    assert brief('Images/blouse/ff210d1818f907693a03a6ea2eb39f77.jpg') == (
        "'Images/blouse/ff210d1818f907693a03a6ea2eb39f77.jpg'")
