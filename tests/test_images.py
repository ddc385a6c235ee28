"""The one image reader, against arrays written here and against OpenCV where it reads rightly."""

import io
import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from pcloss_mmpose import images
from pcloss_mmpose.errors import BrokenImageError, InputError
from pcloss_mmpose.images import decode_image, image_size, read_header, read_image, write_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)  # RGB
ALPHA = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
DEEP_GREY = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
DEEP_COLOR = RNG.integers(0, 65536, (5, 7, 4), dtype=np.uint16)  # as OpenCV has it: BGR, transparency


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def by_opencv(values, kind):
    return cv2.imencode(kind, values)[1].tobytes()


def transparent(pixels):
    image = Image.fromarray(pixels)
    image.putalpha(Image.fromarray(ALPHA))
    return image


def palette(**options):
    """Two colors, and the pixels that use the second."""
    image = Image.fromarray(GREY // 128)
    image.putpalette([10, 20, 30, 200, 100, 50])
    return encoded(image, 'PNG', **options)


def tiff(values, largest_bits, photometric=1, sample_format=1):
    """A grey TIFF, written by hand: rows of packed samples."""
    height, width = values.shape
    if largest_bits == 12:  # two samples in three bytes, the row filled up
        bits = ''.join(''.join(f'{value:012b}' for value in row).ljust(-(-12 * width // 8) * 8, '0') for row in values)
        data = int(bits, 2).to_bytes(len(bits) // 8, 'big')
    else:
        data = values.astype(values.dtype.newbyteorder('<')).tobytes()
    tags = {256: width, 257: height, 258: largest_bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height,
            279: len(data), 339: sample_format}
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    return b'II*\0' + struct.pack('<I', 8 + len(data)) + data + struct.pack('<H', len(tags)) + entries + bytes(4)


def grey(values):
    return np.repeat(values[..., None], 3, axis=2)


def rounded(values, largest=65535):
    """As many 255ths as the values are of the largest one, by fractions of floats."""
    return np.floor(values / largest * 255 + 0.5).astype(np.uint8)


TWO_COLORS = np.where(grey(GREY) < 128, np.uint8([30, 20, 10]), np.uint8([50, 100, 200]))

FILES = {
    'bilevel PNG': (encoded(Image.fromarray(GREY > 99), 'PNG'), grey(np.uint8(255) * (GREY > 99))),
    'bilevel TIFF': (encoded(Image.fromarray(GREY > 99), 'TIFF'), grey(np.uint8(255) * (GREY > 99))),
    'grey PNG': (encoded(GREY, 'PNG'), grey(GREY)),
    'grey BMP': (encoded(GREY, 'BMP'), grey(GREY)),
    'grey TIFF': (encoded(GREY, 'TIFF'), grey(GREY)),
    'grey GIF': (encoded(GREY, 'GIF'), grey(GREY)),
    'grey PNG with transparency': (encoded(transparent(GREY), 'PNG'), grey(GREY)),
    'color PNG': (encoded(COLOR, 'PNG'), COLOR[..., ::-1]),
    'color BMP': (encoded(COLOR, 'BMP'), COLOR[..., ::-1]),
    'color TIFF': (encoded(COLOR, 'TIFF'), COLOR[..., ::-1]),
    'color WebP': (encoded(COLOR, 'WEBP', lossless=True), COLOR[..., ::-1]),
    'color PNG with transparency': (encoded(transparent(COLOR), 'PNG'), COLOR[..., ::-1]),
    'color TIFF with transparency': (encoded(transparent(COLOR), 'TIFF'), COLOR[..., ::-1]),
    'palette PNG': (palette(), TWO_COLORS),
    'palette PNG with a transparent color': (palette(transparency=1), TWO_COLORS),
    'palette PNG with transparencies': (palette(transparency=b'\x00\x80'), TWO_COLORS),
    'animated GIF': (encoded(GREY, 'GIF', save_all=True, append_images=[Image.fromarray(255 - GREY)]), grey(GREY)),
    'animated WebP': (encoded(COLOR, 'WEBP', lossless=True, save_all=True,
                              append_images=[Image.fromarray(255 - COLOR)]), COLOR[..., ::-1]),
    'TIFF of two pages': (encoded(GREY, 'TIFF', save_all=True, append_images=[Image.fromarray(255 - GREY)]),
                          grey(GREY)),
    'CMYK TIFF': (encoded(Image.fromarray(COLOR).convert('CMYK'), 'TIFF'), COLOR[..., ::-1]),
    '16-bit grey PNG': (by_opencv(DEEP_GREY, '.png'), grey(rounded(DEEP_GREY))),
    '16-bit grey TIFF': (by_opencv(DEEP_GREY, '.tiff'), grey(rounded(DEEP_GREY))),
    '16-bit grey TIFF by hand': (tiff(DEEP_GREY, 16), grey(rounded(DEEP_GREY))),
    '16-bit grey TIFF where 0 is white': (tiff(DEEP_GREY, 16, photometric=0), grey(255 - rounded(DEEP_GREY))),
    '12-bit grey TIFF': (tiff(DEEP_GREY >> 4, 12), grey(rounded(DEEP_GREY >> 4, 4095))),
    '16-bit grey PGM': (b'P5 7 5 65535\n' + DEEP_GREY.astype('>u2').tobytes(), grey(rounded(DEEP_GREY))),
    '16-bit color PNG': (by_opencv(DEEP_COLOR[..., :3], '.png'), rounded(DEEP_COLOR[..., :3])),
    '16-bit color PNG with transparency': (by_opencv(DEEP_COLOR, '.png'), rounded(DEEP_COLOR[..., :3])),
    '16-bit color TIFF': (by_opencv(DEEP_COLOR[..., :3], '.tiff'), rounded(DEEP_COLOR[..., :3])),
}


@pytest.mark.parametrize('kind', FILES)
def test_pixels_of_every_kind(kind, recwarn):
    content, expected = FILES[kind]
    image = decode_image(content)
    assert image.dtype == np.uint8 and image.flags['C_CONTIGUOUS']
    np.testing.assert_array_equal(image, expected)
    assert not recwarn.list


@pytest.mark.parametrize('mode', ['L', 'RGB', 'CMYK'])
@pytest.mark.parametrize('progressive', [False, True])
def test_jpeg_as_opencv_decodes_it(mode, progressive):
    content = encoded(Image.fromarray(COLOR).resize((80, 60)).convert(mode), 'JPEG', progressive=progressive)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decode_image(content).astype(int) - expected).max() <= (1 if mode == 'CMYK' else 0)


SMOOTH = np.asarray(Image.fromarray(COLOR).resize((83, 61), Image.BICUBIC))
JPEGS = {
    'baseline': encoded(SMOOTH, 'JPEG'), 'progressive': encoded(SMOOTH, 'JPEG', progressive=True),
    'full color': encoded(SMOOTH, 'JPEG', subsampling=0), 'grey': encoded(SMOOTH[..., 0], 'JPEG'),
    'restart markers': cv2.imencode('.jpg', SMOOTH, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes(),
}


def verdict(content, reduction):
    try:
        return decode_image(content, reduction=reduction)
    except BrokenImageError as error:
        return error.reason


@pytest.mark.filterwarnings('ignore:.*EXIF')
@pytest.mark.parametrize('kind', JPEGS)
def test_simplejpeg_gives_pillows_pixels_and_verdicts(monkeypatch, kind):
    """Of the whole file, of the file cut at many places, and with a byte changed or a stretch lost, at two scales."""
    pytest.importorskip('simplejpeg')
    whole, rng = JPEGS[kind], np.random.default_rng(0)
    contents = [whole, whole + b'more', *(whole[:size] for size in range(0, len(whole), 101)), whole[:-1], whole[:-2]]
    for place in rng.integers(len(whole), size=16):
        contents += [whole[:place] + bytes([rng.integers(256)]) + whole[place + 1:], whole[:place] + whole[place + 9:]]
    refused = 0
    for content in contents:
        for reduction in (1, 4):
            ours = verdict(content, reduction)
            with monkeypatch.context() as patch:
                patch.setattr(images, 'simplejpeg', None)
                pillows = verdict(content, reduction)
            np.testing.assert_array_equal(ours, pillows)
            refused += isinstance(pillows, str)
    assert 10 < refused < 2 * len(contents) - 16


@pytest.mark.parametrize('missing', [False, True], ids=['simplejpeg', 'Pillow'])
def test_a_reduced_jpeg_has_the_means_of_its_pixels(monkeypatch, missing):
    if missing:
        monkeypatch.setattr(images, 'simplejpeg', None)
    content = encoded(SMOOTH, 'JPEG', quality=100, subsampling=0)
    assert read_header(content).plain_jpeg and not read_header(FILES['color PNG'][0]).plain_jpeg
    whole = decode_image(content).astype(float)
    for reduction in (2, 4, 8):
        reduced = decode_image(content, reduction=reduction)
        rows, columns = 61 // reduction, 83 // reduction
        assert reduced.shape == (-(-61 // reduction), -(-83 // reduction), 3)
        means = whole[:rows * reduction, :columns * reduction].reshape(rows, reduction, columns, reduction, 3)
        assert np.abs(reduced[:rows, :columns] - means.mean((1, 3))).max() <= 4


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF', '16-bit TIFF', '16-bit PNG'])
def test_upright_in_all_orientations(tmp_path, kind, orientation):
    """By EXIF's own table: which edges of the upright image the stored first row and first column are."""
    first_row, first_column = {1: 'TL', 2: 'TR', 3: 'BR', 4: 'BL', 5: 'LT', 6: 'RT', 7: 'RB', 8: 'LB'}[orientation]
    wide = np.zeros((8, 16), np.uint8)
    wide[:, 0] = 100  # the first column
    wide[0] = 200  # the first row
    deep = kind.startswith('16')
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = dict(tiffinfo={274: orientation}) if 'TIFF' in kind else dict(exif=exif)
    if kind == 'JPEG':
        options.update(quality=100)
    elif kind == 'WEBP':
        options.update(lossless=True)
    content = encoded(wide.astype(np.uint16) * 257 if deep else wide, kind.split()[-1], **options)
    image = decode_image(content)[..., 0]

    assert image.shape == ((16, 8) if orientation >= 5 else (8, 16))
    edges = dict(T=image[0], B=image[-1], L=image[:, 0], R=image[:, -1])
    assert np.abs(edges[first_row].astype(int) - 200).max() < 20
    assert np.abs(np.sort(edges[first_column])[:-1].astype(int) - 100).max() < 20  # but for the corner
    path = tmp_path / 'image'
    path.write_bytes(content)
    assert image_size(str(path)) == image.shape[::-1]
    if 'TIFF' not in kind:
        assert decode_image(content, upright=False).shape == (8, 16, 3)


REFUSED = {
    'floating-point numbers': encoded(GREY.astype(np.float32), 'TIFF'),
    'whole numbers beyond 16 bits': encoded(GREY.astype(np.int32) * 1000, 'TIFF'),
    'or with a sign': tiff(GREY.astype(np.int16), 16, sample_format=2),
    'CIELAB colors': encoded(Image.frombytes('LAB', (7, 5), COLOR.tobytes()), 'TIFF'),
}


@pytest.mark.parametrize('kind', REFUSED)
def test_what_would_be_read_wrongly_is_refused_by_name(tmp_path, kind):
    path = tmp_path / 'a.tif'
    path.write_bytes(REFUSED[kind])
    for read in (read_image, image_size):
        with pytest.raises(BrokenImageError, match=f'a.tif: TIFF with .*{kind}.* is not read: save it as JPEG'):
            read(str(path))


JPEG, PNG = encoded(Image.fromarray(COLOR).resize((80, 60)), 'JPEG'), encoded(COLOR, 'PNG')


@pytest.mark.parametrize(('content', 'words'), [
    (b'', 'no image that Pillow can read'),
    (b'<html>404</html>', 'no image that Pillow can read'),
    (JPEG[:-200], 'OSError: image file is truncated'),
    (PNG[:-40], 'OSError: .*truncated'),
    (encoded(COLOR, 'TIFF')[:-30], 'OSError: .*truncated'),
    (encoded(COLOR, 'WEBP')[:60], 'OSError: could not create decoder object'),
    (by_opencv(DEEP_COLOR, '.png')[:-60], 'OSError: .*truncated'),
], ids=['empty', 'HTML', 'JPEG', 'PNG', 'TIFF', 'WebP', '16-bit PNG'])
def test_broken_files(tmp_path, content, words):
    path = tmp_path / 'a.jpg'
    path.write_bytes(content)
    with pytest.raises(BrokenImageError, match=f'a.jpg: .*({words})') as caught:
        read_image(str(path))
    assert caught.value.path == str(path)


def test_what_is_not_there(tmp_path):
    with pytest.raises(BrokenImageError, match='a.jpg: FileNotFoundError: [^.]*a.jpg.$'):
        read_image(str(tmp_path / 'a.jpg'))
    with pytest.raises(BrokenImageError, match='The path has backslashes, as Windows writes them: write slashes'):
        read_image(str(tmp_path / 's\\a.jpg'))
    with pytest.raises(BrokenImageError, match='a.jpg: no such file'):
        image_size(str(tmp_path / 'a.jpg'))


def test_a_limit_of_pixels_goes_by_the_header(tmp_path):
    """13,000 x 13,000 in one bit a pixel is a file of some kilobytes, and would be 500 MB."""
    path = tmp_path / 'large.png'
    Image.new('1', (13000, 13000)).save(path)
    words = (f'{path}: 13000x13000 are 169,000,000 pixels, more than the limit of 120,000,000: make it smaller, or set '
             'PCLOSS_MAX_PIXELS=169000000 in the environment')
    for read in (read_image, image_size):
        with pytest.raises(BrokenImageError, match=re.escape(words)):
            read(str(path))


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF', 'GIF', 'BMP'])
def test_the_limit_is_the_users_and_pillow_has_no_say(tmp_path, monkeypatch, recwarn, kind):
    """Of 5 x 7 pixels, where Pillow would warn above 10 and fail above 20."""
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 10)
    path = tmp_path / 'image'
    path.write_bytes(encoded(COLOR, kind))
    for limit in ('', '35', '36'):
        monkeypatch.setenv('PCLOSS_MAX_PIXELS', limit)
        assert read_image(str(path)).shape == (5, 7, 3) and image_size(str(path)) == (7, 5)
    monkeypatch.setenv('PCLOSS_MAX_PIXELS', '34')
    for read in (read_image, image_size):
        with pytest.raises(BrokenImageError, match='7x5 are 35 pixels, more than the limit of 34'):
            read(str(path))
    assert not recwarn and Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize('limit', ['0', '-1', '1e8', 'many', ' '])
def test_a_limit_that_is_none_is_no_fault_of_the_image(tmp_path, monkeypatch, limit):
    path = tmp_path / 'image.png'
    path.write_bytes(encoded(COLOR, 'PNG'))
    monkeypatch.setenv('PCLOSS_MAX_PIXELS', limit)
    for read in (read_image, image_size):
        with pytest.raises(InputError, match=f"PCLOSS_MAX_PIXELS is '{limit}': it must be a whole number above 0"):
            read(str(path))


def test_an_image_is_written_at_once_or_refused(tmp_path):
    path = tmp_path / 'a.png'
    write_image(path, COLOR)
    assert np.array_equal(cv2.imread(str(path)), COLOR) and list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match='b.jpg cannot be written: 2x70000 pixels do not fit .jpg'):
        write_image(tmp_path / 'b.jpg', np.zeros((70000, 2, 3), np.uint8))
    with pytest.raises(FileNotFoundError):
        write_image(tmp_path / 'gone' / 'c.png', COLOR)
    assert list(tmp_path.iterdir()) == [path]
