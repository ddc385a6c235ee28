"""The readers between MMEngine's storage and MMPose's metric."""

import os.path as osp

import numpy as np
import pytest
from mmengine.fileio import LocalBackend, register_backend
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.evaluation import CocoMetric

from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FashionAIDataset

UPPER = '1  0 11 12  1 21 22  2 31 32  0 41 42  0 51 52  0 61 62'


class FolderBackend(LocalBackend):
    """Files of one folder under a prefix of their own, as object stores have it."""

    folder = ''

    def _local(self, path):
        return osp.join(self.folder, path.split('://')[1])

    def get(self, filepath):
        return super().get(self._local(filepath))

    def get_text(self, filepath, encoding='utf-8'):
        return super().get_text(self._local(filepath), encoding)

    def exists(self, filepath):
        return super().exists(self._local(filepath))


def test_annotations_and_images_come_through_the_file_backend(raw, tmp_path):
    register_backend('folder', FolderBackend, prefixes='folder', force=True)
    FolderBackend.folder = str(tmp_path)
    raw.image(tmp_path / 'fa/Images/a.jpg', size=(40, 30))
    raw.fashionai(tmp_path / 'fa/Annotations/train.csv', [raw.fashionai_row('Images/a.jpg', 'skirt', {15: '1_2_1'})])
    sample = FashionAIDataset(
        data_root='folder://fa', ann_file='Annotations/train.csv', pipeline=[{'type': 'LoadImageStrict'}])[0]
    assert sample['img_path'] == 'folder://fa/Images/a.jpg' and sample['img'].shape == (30, 40, 3)

    raw.benchmark(tmp_path / 'df', {'img/b.jpg': UPPER}, anno='Anno_coarse')
    info = DeepFashionAttributeDataset(data_root='folder://df', split='train').get_data_info(0)
    assert info['img_path'] == 'folder://df/img/b.jpg'


@pytest.mark.parametrize('shift, precision', [(0.0, 1.0), (100.0, 0.0)])
def test_coco_metric_goes_by_the_raw_annotation(raw, tmp_path, shift, precision):
    """What is annotated scores AP 1, anything far from it 0, with no COCO file anywhere."""
    init_default_scope('mmpose')
    raw.image(tmp_path / 'a.jpg', size=(40, 30))
    csv = raw.fashionai(tmp_path / 'val.csv', [raw.fashionai_row('a.jpg', 'skirt', {15: '3_4_1', 18: '30_20_0'})])
    sample = FashionAIDataset(csv, test_mode=True, pipeline=[
        {'type': 'LoadImageStrict'}, {'type': 'WholeImageBox'}, {'type': 'GetBBoxCenterScale', 'padding': 1.0},
        {'type': 'TopdownStretch', 'input_size': (64, 64)}, {'type': 'PackPoseInputs'}])[0]['data_samples']
    sample.pred_instances = InstanceData(
        keypoints=sample.gt_instances.keypoints + shift, keypoint_scores=np.ones((1, 24)))

    metric = CocoMetric(outfile_prefix=str(tmp_path / 'result'))
    metric.dataset_meta = FashionAIDataset(csv, lazy_init=True).metainfo
    metric.process([], [sample.to_dict()])
    assert metric.evaluate(size=1)['coco/AP'] == pytest.approx(precision)
