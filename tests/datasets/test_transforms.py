import io

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import (
    GetBBoxCenterScale,
    LoadImage,
    PackPoseInputs,
    RandomBBoxTransform,
    RandomFlip,
    TopdownAffine,
)
from mmpose.registry import MODELS
from PIL import Image

from pcloss_mmpose.datasets import (
    DeepFashionAttributeDataset,
    FashionAIDataset,
    LoadImageStrict,
    TopdownStretch,
    WholeImageBox,
)
from pcloss_mmpose.datasets.transforms import PackCrop, RandomBox, WholeImageCrop
from pcloss_mmpose.datasets.transforms.deferred_image import DeferredImage, check_deferred
from pcloss_mmpose.datasets.transforms.warping import largest_reduction, warp_image
from pcloss_mmpose.errors import BrokenImageError, InputError
from pcloss_mmpose.evaluation import NormalizedError

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


class TestWholeImageCrop:
    """An image of 400 x 300 with a box of 100 x 50 in it."""

    UPPER = '1  0 120 60  0 180 60  0 110 80  0 190 80  0 130 100  1 170 100'

    def sample(self, raw, tmp_path, *steps):
        raw.image(tmp_path / 'img/a.jpg', size=(400, 300))
        raw.benchmark(tmp_path, {'img/a.jpg': self.UPPER}, boxes={'img/a.jpg': '100 55 200 105'})
        return DeepFashionAttributeDataset(data_root=str(tmp_path), split='train', test_mode=True, pipeline=[
            dict(type='LoadImageStrict', deferred=True), dict(type='WholeImageBox'), dict(type='WholeImageCrop'),
            *steps, dict(type='TopdownStretch', input_size=(64, 96)), dict(type='PackCrop', pack_transformed=True),
        ])

    def test_the_image_becomes_the_input_and_the_box_normalises(self, raw, tmp_path):
        """A point of the input 8 pixels beside the truth in x is 50 of 400 image pixels beside it."""
        dataset = self.sample(raw, tmp_path)
        sample = dataset[0]['data_samples']
        truth = sample.gt_instances.keypoints[0]
        np.testing.assert_allclose(
            sample.gt_instances.transformed_keypoints[0], truth * [64 / 400, 96 / 300], atol=1e-4)
        np.testing.assert_allclose(sample.gt_instances.bboxes, [[99, 54, 200, 105]], atol=1)

        estimator = MODELS.build(dict(
            type='TopdownPoseEstimator', backbone=dict(type='ResNet', depth=18),
            head=dict(type='RegressionHead', in_channels=512, num_joints=8)))
        found = InstanceData(
            keypoints=sample.gt_instances.transformed_keypoints + [8., 0.], keypoint_scores=np.ones((1, 8)))
        sample, = estimator.add_pred_to_datasample([found], None, [sample])
        np.testing.assert_allclose(sample.pred_instances.keypoints[0], truth + [50, 0], atol=1e-3)
        metric = NormalizedError(norm='box')
        metric.dataset_meta = dataset.metainfo
        metric.process(None, [sample.to_dict()])
        assert metric.evaluate(1)['NE'] == pytest.approx(100 * 50 / 100, rel=1e-4)

    def test_flips_and_random_boxes_are_of_the_whole_image(self, raw, tmp_path):
        """Mirrored, left and right change; then the crop grows or shrinks about the image's middle."""
        np.random.seed(0)
        flip = dict(type='RandomFlip', prob=1., direction='horizontal')
        box = dict(type='RandomBox', shift_prob=0, scale_factor=(0.75, 1.25), rotate_prob=0)
        dataset = self.sample(raw, tmp_path, flip, box)
        swap = dataset.metainfo['flip_indices']
        truth = dataset.get_data_info(0)['keypoints'][0][swap]
        for _ in range(3):
            sample = dataset[0]['data_samples']
            zoom = 400 / sample.metainfo['input_scale'][0]
            assert 0.8 <= zoom <= 1.34 and zoom != 1
            middle = (np.array([400 - truth[:, 0], truth[:, 1]]).T - [200, 150]) * zoom + [200, 150]
            known = sample.gt_instances.keypoints_visible[0] > 0
            np.testing.assert_allclose(
                sample.gt_instances.transformed_keypoints[0][known], (middle * [64 / 400, 96 / 300])[known], atol=1e-3)

    def test_inference_takes_the_whole_image_whatever_the_box(self):
        results = WholeImageCrop()({'img_shape': (30, 40), 'bbox': BOX})
        assert results['bbox'] is BOX
        assert results['bbox_center'].tolist() == [[20, 15]] and results['bbox_scale'].tolist() == [[40, 30]]


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


def ramp_file(path, orientation=1, size=(90, 70)):
    """A JPEG whose blue rises along x and whose red rises along y, by a level or two each pixel."""
    y, x = np.mgrid[:size[1], :size[0]]
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.stack([40 + 2 * y, np.full_like(x, 128), 40 + 2 * x], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=100, subsampling=0, exif=exif)
    return str(path)


class TestDeferred:

    @pytest.mark.parametrize('orientation', range(1, 9))
    @pytest.mark.parametrize('mirror', [None, 'horizontal', 'vertical', 'diagonal'])
    def test_the_crop_is_that_of_the_whole_image(self, tmp_path, orientation, mirror):
        """For all of EXIF's orientations, all of RandomFlip's directions and all scales; sides are odd."""
        path = ramp_file(tmp_path / 'a.jpg', orientation, size=(91, 77))
        for size in ((64, 64), (32, 24), (16, 16), (9, 8)):
            crops = []
            for deferred in (True, False):
                results = LoadImageStrict(deferred=deferred)(dict(
                    img_path=path, bbox=np.float32([[6, 4, 70, 66]]), keypoints=POINTS.copy(),
                    keypoints_visible=np.ones((1, 5)), flip_indices=[0, 2, 1, 3, 4]))
                assert isinstance(results['img'], DeferredImage) == deferred
                results = GetBBoxCenterScale(padding=1.0)(results)
                if mirror:
                    results = RandomFlip(1.0, mirror)(results)
                results['bbox_rotation'] = np.array([12.])
                crops.append(TopdownStretch(size)(results))
            deferred, whole = crops
            assert deferred['img_shape'] == whole['img_shape'] == ((91, 77) if orientation >= 5 else (77, 91))
            np.testing.assert_array_equal(deferred['transformed_keypoints'], whole['transformed_keypoints'])
            inside = cv2.erode((whole['img'][..., 1] > 100).astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0
            assert inside.sum() > 10
            assert np.abs(deferred['img'][inside].astype(int) - whole['img'][inside]).max() <= 3

    def test_a_mirrored_or_turned_array_is_warped_as_it_is_seen(self):
        noise = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
        image = cv2.resize(noise, (240, 320), interpolation=cv2.INTER_CUBIC)
        matrix = np.array([[0.5, 0.1, -8.], [-0.1, 0.4, 12.]])
        for view in (image, image[::-1], image[:, ::-1], image[::-1, ::-1], image.swapaxes(0, 1),
                     image[::-1].swapaxes(0, 1)):
            expected = cv2.warpAffine(np.ascontiguousarray(view), matrix, (100, 120))
            difference = np.abs(warp_image(view, matrix, (100, 120)).astype(int) - expected)
            assert difference.max() <= 8 and difference.mean() < 0.05  # OpenCV rounds to a thirty-second of a pixel

    def test_the_scale_keeps_a_pixel_for_each_of_the_crops(self):
        for shrunk, expected in ((1.0, 1), (1.99, 1), (2.0, 2), (3.9, 2), (4.0, 4), (7.9, 4), (8.0, 8), (99.0, 8)):
            matrix = cv2.getRotationMatrix2D((5, 5), 30, 1 / shrunk * 0.99999)
            assert largest_reduction(matrix, (1000, 1000)) == expected
        stretch = np.array([[1 / 8, 0, 0], [0, 1 / 3, 0]])
        assert largest_reduction(stretch, (1000, 1000)) == 2  # the side that shrinks less
        assert largest_reduction(stretch / 100, (4, 1000)) == 4  # a file of 4 rows cannot be read at an eighth

    def test_a_small_crop_of_a_large_image_is_nearer_to_the_means_of_its_pixels(self, tmp_path):
        """Than interpolation in the whole image is: at a fifth of the size, twice as near."""
        rng, image = np.random.default_rng(0), np.full((400, 400), 128.)
        for cells in (10, 50, 100, 200):  # equal contrast at all scales, as photographs have it
            image += cv2.resize(rng.normal(scale=20, size=(cells, cells)), (400, 400), interpolation=cv2.INTER_CUBIC)
        path = tmp_path / 'a.jpg'
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(path, quality=95)
        deferred = LoadImageStrict(deferred=True)(dict(img_path=str(path)))['img']
        whole = np.asarray(deferred)
        means = whole.reshape(80, 5, 80, 5, 3).mean((1, 3))
        matrix = np.array([[0.2, 0., -0.4], [0., 0.2, -0.4]])  # the middle of five pixels becomes that of one
        errors = [np.sqrt(np.mean((warp_image(kind, matrix, (80, 80)) - means)[2:-2, 2:-2]**2))
                  for kind in (deferred, whole)]
        assert errors[0] < errors[1] / 2

    def test_to_numpy_it_is_the_array(self, tmp_path):
        path = ramp_file(tmp_path / 'a.jpg', orientation=6)
        deferred, image = (LoadImageStrict(deferred=deferred)(dict(img_path=path))['img'] for deferred in (True, False))
        assert (deferred.shape, deferred.ndim, deferred.dtype, len(deferred)) == (image.shape, 3, np.uint8, 90)
        for look in (np.asarray, np.flipud, np.fliplr, np.flip, lambda array: np.flip(array, (0, 1)),
                     lambda array: array[5:9, 3], lambda array: array[::-1, ::-1][::-1], lambda array: array[..., 0],
                     lambda array: np.asarray(array, np.float32)):
            np.testing.assert_array_equal(np.asarray(look(deferred)), look(image))
        with pytest.raises(cv2.error):
            cv2.resize(deferred, (8, 8))

    def test_what_is_no_plain_jpeg_is_decoded_at_once(self, tmp_path):
        cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((4, 5, 3), np.uint8))
        Image.new('CMYK', (5, 4)).save(tmp_path / 'b.jpg')
        for name in ('a.png', 'b.jpg'):
            assert isinstance(LoadImageStrict(deferred=True)(dict(img_path=str(tmp_path / name)))['img'], np.ndarray)
        floats = LoadImageStrict(to_float32=True, deferred=True)(dict(img_path=ramp_file(tmp_path / 'c.jpg')))['img']
        assert isinstance(floats, np.ndarray) and floats.dtype == np.float32

    def test_a_truncated_file_is_found_when_it_is_decoded(self, tmp_path):
        path = tmp_path / 'a.jpg'
        ramp_file(path)
        path.write_bytes(path.read_bytes()[:-300])
        results = GetBBoxCenterScale()(LoadImageStrict(deferred=True)(dict(img_path=str(path), bbox=BOX)))
        with pytest.raises(BrokenImageError, match='a.jpg: OSError: image file is truncated') as caught:
            TopdownStretch((8, 8))(results)
        assert caught.value.path == str(path)
        (tmp_path / 'b.jpg').write_bytes(b'')
        with pytest.raises(BrokenImageError, match='b.jpg: no image that Pillow can read'):
            LoadImageStrict(deferred=True)(dict(img_path=str(tmp_path / 'b.jpg')))

    def test_a_step_between_that_may_need_the_pixels_is_refused(self):
        load, stretch, affine = LoadImageStrict(deferred=True), TopdownStretch((8, 8)), TopdownAffine((8, 8))
        check_deferred([load, WholeImageBox(), GetBBoxCenterScale(), RandomFlip(), RandomBox(), stretch, affine])
        check_deferred([load, WholeImageCrop(), stretch])
        check_deferred([LoadImageStrict(), GetBBoxCenterScale(), affine])
        with pytest.raises(InputError, match='TopdownAffine may need the pixels.*take deferred=True out'):
            check_deferred([load, GetBBoxCenterScale(), affine])


def test_random_boxes_are_those_of_scipys_distribution():
    boxes = []
    for kind in (RandomBox, RandomBBoxTransform):
        np.random.seed(3)
        step = kind(shift_prob=0.5, rotate_prob=0.5)
        boxes.append([step(dict(bbox_center=np.float32([[5, 6]]), bbox_scale=np.float32([[7, 8]]))) for _ in range(50)])
    for ours, stock in zip(*boxes):
        for key in ('bbox_center', 'bbox_scale', 'bbox_rotation'):
            np.testing.assert_allclose(ours[key], stock[key], rtol=1e-5)
    assert np.std([box['bbox_rotation'][0] for box in boxes[0]]) > 10


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_a_packed_crop_is_what_mmpose_packs(dtype, channels):
    image = (255 * np.random.default_rng(0).random((10, 14, channels))).astype(dtype)[2:, ::-1]
    results = dict(img=image, img_path='a.jpg', keypoints=POINTS, transformed_keypoints=POINTS + 1)
    ours, stock = (kind(pack_transformed=True)(dict(results)) for kind in (PackCrop, PackPoseInputs))
    torch.testing.assert_close(ours['inputs'], stock['inputs'], rtol=0, atol=0)
    assert ours['inputs'].is_contiguous() and ours['data_samples'].metainfo == stock['data_samples'].metainfo
    np.testing.assert_array_equal(ours['data_samples'].gt_instances.transformed_keypoints, POINTS + 1)
