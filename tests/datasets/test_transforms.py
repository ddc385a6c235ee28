import io

import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import GetBBoxCenterScale, LoadImage, TopdownAffine
from PIL import Image

from pcloss_mmpose.datasets import FashionAIDataset, LoadImageStrict, TopdownStretch, WholeImageBox
from pcloss_mmpose.errors import BrokenImageError, InputError

BOX = np.float32([[13, 7, 113, 207]])
POINTS = np.float32([[[13, 7], [113, 207], [63, 107], [30.25, 180.5], [5, 300]]])


def crop(size, box=BOX, rotation=None, image=None):
    results = {'bbox': box.copy(), 'keypoints': POINTS.copy(), 'img': image}
    if image is None:
        results['img'] = np.zeros((320, 240, 3), np.uint8)
    results = GetBBoxCenterScale(padding=1.0)(results)
    if rotation is not None:
        results['bbox_rotation'] = np.array([rotation])
    return TopdownStretch(size)(results)


class TestTopdownStretch:

    def test_worked_by_hand(self):
        """A 100 x 200 box onto 64 x 32: x shrinks by 0.64, y by 0.16."""
        results = crop((64, 32))
        np.testing.assert_allclose(results['transformed_keypoints'][0, :3], [[0, 0], [64, 32], [32, 16]], atol=1e-4)
        np.testing.assert_array_equal(results['keypoints'], POINTS)
        assert results['input_scale'].tolist() == [100, 200] and results['input_center'].tolist() == [63, 107]
        assert results['img'].shape == (32, 64, 3) and results['input_size'] == (64, 32)

    @pytest.mark.parametrize('box', [BOX, np.float32([[0.5, 0.25, 1999.5, 31.75]])])
    @pytest.mark.parametrize('size', [(512, 512), (192, 256)])
    def test_stock_decoding_inverts_it(self, size, box):
        results = crop(size, box)
        decoded = (results['transformed_keypoints'] / size * results['input_scale'] + results['input_center'] -
                   0.5 * results['input_scale'])
        np.testing.assert_allclose(decoded, POINTS, atol=1e-3)

    @pytest.mark.parametrize('rotation', [None, 0.0, 30.0, -75.0])
    def test_equals_the_stock_crop_where_the_box_has_the_aspect_ratio_of_the_input(self, rotation):
        box = np.float32([[20, 30, 120, 180]])
        noise = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
        image = cv2.resize(noise, (240, 320), interpolation=cv2.INTER_CUBIC)
        ours = crop((64, 96), box, rotation, image.copy())
        stock = {'bbox': box, 'keypoints': POINTS.copy(), 'img': image}
        stock = GetBBoxCenterScale(padding=1.0)(stock)
        if rotation is not None:
            stock['bbox_rotation'] = np.array([rotation])
        stock = TopdownAffine((64, 96))(stock)
        np.testing.assert_allclose(ours['transformed_keypoints'], stock['transformed_keypoints'], atol=1e-3)
        assert np.abs(ours['img'].astype(int) - stock['img']).max() <= 2

    def test_rotation_turns_the_stretched_crop(self):
        """A quarter turn counter-clockwise about the centre of the 64 x 64 input: (x, y) -> (y, 64 - x)."""
        upright = crop((64, 64))['transformed_keypoints'][0]
        turned = crop((64, 64), rotation=90.0)['transformed_keypoints'][0]
        np.testing.assert_allclose(turned, np.stack([upright[:, 1], 64 - upright[:, 0]], axis=1), atol=1e-3)

    @pytest.mark.parametrize('rotation', [0.0, 25.0])
    def test_image_and_keypoints_move_together(self, rotation):
        image = np.zeros((320, 240, 3), np.uint8)
        image[140:147, 47:54] = 255  # centred on (50, 143)
        results = {'bbox': BOX.copy(), 'keypoints': np.float32([[[50, 143]]]), 'img': image,
                   'bbox_rotation': np.array([rotation])}
        results = TopdownStretch((128, 128))(GetBBoxCenterScale(padding=1.0)(results))
        rows, columns = np.nonzero(results['img'][..., 0] > 127)
        np.testing.assert_allclose(results['transformed_keypoints'][0, 0], [columns.mean(), rows.mean()], atol=0.5)

    def test_inference_without_keypoints(self):
        results = GetBBoxCenterScale(padding=1.0)({'bbox': BOX.copy(), 'img': np.zeros((9, 9, 3), np.uint8)})
        assert TopdownStretch((8, 8))(results)['keypoints_visible'].all()

    @pytest.mark.parametrize('size', [(64, ), (64, 0), (64.0, 32), (1, 2, 3)])
    def test_wrong_size(self, size):
        with pytest.raises(ValueError, match='input_size must be a width and a height'):
            TopdownStretch(size)


class TestWholeImageBox:

    def test_on_fashionai(self, raw, tmp_path):
        raw.image(tmp_path / 'a.jpg', size=(40, 30))
        csv = raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row('a.jpg', 'skirt', {15: '40_30_1', 16: '0_0_1'})])
        sample = FashionAIDataset(csv, pipeline=[
            {'type': 'LoadImageStrict'}, {'type': 'WholeImageBox'}, {'type': 'GetBBoxCenterScale', 'padding': 1.0},
            {'type': 'TopdownStretch', 'input_size': (64, 64)}])[0]
        assert sample['bbox'].tolist() == [[0, 0, 40, 30]] and sample['bbox_score'].tolist() == [1]
        assert sample['raw_ann_info']['bbox'] == [0, 0, 40, 30] and sample['raw_ann_info']['area'] == 1200
        np.testing.assert_allclose(sample['transformed_keypoints'][0, 15:17], [[64, 64], [0, 0]], atol=1e-3)

    def test_a_given_box_stays(self):
        results = WholeImageBox()({'img_shape': (30, 40), 'bbox': BOX, 'bbox_score': np.float32([0.5])})
        assert results['bbox'] is BOX and results['bbox_score'] == 0.5


class TestLoadImageStrict:

    @pytest.mark.parametrize('spoil, reason', [
        (lambda path: path.unlink(), 'FileNotFoundError'),
        (lambda path: path.write_bytes(b''), 'no image that Pillow can read'),
        (lambda path: path.write_bytes(b'<html>404</html>'), 'no image that Pillow can read'),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), 'truncated'),
    ])
    def test_broken_files(self, raw, tmp_path, spoil, reason):
        path = tmp_path / 'a.jpg'
        raw.image(path, size=(200, 150))
        spoil(path)
        with pytest.raises(BrokenImageError, match=reason) as caught:
            LoadImageStrict()({'img_path': str(path)})
        assert caught.value.path == str(path)

    @pytest.mark.parametrize('orientation', [1, 3, 6])
    def test_like_load_image_on_sound_files(self, tmp_path, orientation):
        """Turned by EXIF as OpenCV turns it; the two decoders may differ by rounding."""
        ramp = np.linspace(0, 255, 60 * 40).reshape(40, 60).astype(np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        Image.fromarray(np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=2)).save(
            buffer, 'JPEG', quality=100, subsampling=0, exif=exif)
        (tmp_path / 'a.jpg').write_bytes(buffer.getvalue())
        strict, stock = (load({'img_path': str(tmp_path / 'a.jpg')}) for load in (LoadImageStrict(), LoadImage()))
        assert strict['img_shape'] == stock['img_shape'] == ((60, 40) if orientation == 6 else (40, 60))
        assert np.abs(strict['img'].astype(int) - stock['img']).max() <= 3

    def test_options(self, raw, tmp_path):
        raw.image(tmp_path / 'a.jpg', size=(40, 30))
        with Image.open(tmp_path / 'a.jpg') as image:
            exif = image.getexif()
            exif[0x0112] = 6
            image.save(tmp_path / 'b.jpg', exif=exif)
        load = LoadImageStrict(to_float32=True, color_type='color_ignore_orientation')
        results = load({'img_path': str(tmp_path / 'b.jpg')})
        assert results['img'].dtype == np.float32
        assert results['img'].shape[:2] == results['img_shape'] == results['ori_shape'] == (30, 40)
        with pytest.raises(InputError, match="no color_type 'unchanged'"):
            LoadImageStrict(color_type='unchanged')

    def test_an_array_passes(self):
        image = np.zeros((4, 5, 3), np.uint8)
        assert LoadImageStrict()({'img': image})['ori_shape'] == (4, 5)
