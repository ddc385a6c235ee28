"""Text from other people's files."""

import pytest

from pcloss_mmpose.errors import FileFormatError
from pcloss_mmpose.text import LONGEST_LINE, LONGEST_NAME, brief, decode, is_below, is_name, one_line, with_slashes


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
    ('a\u2028', False), ('\ufeffa', False), ('\ud800', False),
])
def test_names_of_images(name, fits):
    assert bool(is_name(name)) == fits


@pytest.mark.parametrize(('name', 'root', 'below'), [
    ('a.jpg', 'photos', True), ('./a..b/..c.jpg', '', True), ('deep/../a.jpg', 'photos', True),
    ('..', 'photos', False), ('../a.jpg', '', False), ('deep/../../a.jpg', 'photos', False), ('..\\a.jpg', '', False),
    ('deep/..', 'photos', False), ('../photos/a.jpg', 'photos', True), ('../photos2/a.jpg', 'photos', False),
    ('/etc/a.jpg', 'photos', False), ('/etc/a.jpg', '/', True), ('/etc/../a.jpg', '/', True),
    ('{here}/photos/a.jpg', 'photos', True), ('{here}/photos2/a.jpg', 'photos', False), ('{here}/a.jpg', '', True),
    ('{here}/photos/../a.jpg', 'photos', False), ('{here}/link/a.jpg', 'photos', True), ('\\etc\\a.jpg', '', False),
    ('link/a.jpg', '', True), ('link/../a.jpg', 'other', True), ('away/../a.jpg', 'other', False),
    ('away/a.jpg', 'other', True),  # as the user's own link says
    ('s3://shop/a.jpg', '', False), ('s3://shop/a.jpg', '/', False), ('s3://shop/a.jpg', 's3://shop', True),
    ('s3://shop2/a.jpg', 's3://shop', False), ('s3://shop/../b/a.jpg', 's3://shop', False),
    ('https://any/a.jpg', 'https://', True), ('file:///etc/a.jpg', '', False), ('photos/s3://b/a.jpg', '', False),
    ('a.jpg', 's3://shop', True), ('../a.jpg', 's3://shop/photos', False), ('/etc/a.jpg', 's3://shop', False),
    ('deep/../a.jpg', 's3://shop', True),
])
def test_images_below_a_folder(tmp_path, monkeypatch, name, root, below):
    """``link`` is another way to ``photos``, ``other/away`` leads out of ``other``."""
    monkeypatch.chdir(tmp_path)
    for folder in ('photos/deep', 'other/link', 'elsewhere/photos'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'link').symlink_to('photos')
    (tmp_path / 'other/away').symlink_to('../elsewhere/photos')
    assert is_below(name.replace('{here}', str(tmp_path)), root) == below


def test_lines_are_lines():
    assert one_line('a\n b\x00c') == 'a b c'
    assert len(one_line('x' * 10**6)) <= LONGEST_LINE


def test_slashes_only_where_they_help():
    files = {'a\\b', 'a/b', 'c/d'}
    assert [with_slashes(path, files.__contains__) for path in ('a\\b', 'a/b', 'c\\d', 'e\\f')] == [
        'a\\b', 'a/b', 'c/d', 'e\\f']


def test_long_values_are_short_in_messages():
    for value in ('x' * 10**6, 10**400, [1] * 10**6, {'a': [[['x' * 10**6]]]}, [['x' * 10**3] * 9] * 9,
                  [[[[[10**40] * 9] * 9] * 9] * 9] * 9):
        assert len(brief(value)) <= 203
    assert brief('Images/blouse/ff210d1818f907693a03a6ea2eb39f77.jpg') == (
        "'Images/blouse/ff210d1818f907693a03a6ea2eb39f77.jpg'")
