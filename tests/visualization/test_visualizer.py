"""What `pcloss test --show-dir` writes."""

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.visualization.visualizer import LandmarkVisualizer, own_drawings, true_places

METAINFO = load_metainfo('DeepFashionAttributeDataset')  # 8 landmarks
SIZE = 200
POINTS = np.stack([np.linspace(30, 170, 8), np.full(8, 60.)], axis=1)
POINTS[4:6, 1] = 30  # off the others' outline
TRUTH = POINTS + [0, 80]


def sample(known, scores=None):
    return PoseDataSample(
        gt_instances=InstanceData(keypoints=TRUTH[None], keypoints_visible=np.array([known], dtype=float)),
        pred_instances=InstanceData(keypoints=POINTS[None], bboxes=np.array([[10., 10., 190., 190.]]),
                                    keypoint_scores=np.array([np.ones(8) if scores is None else scores])))


def draw(data_sample, tmp_path, names=False, **options):
    with own_drawings(names):
        visualizer = VISUALIZERS.build(dict(type='PoseLocalVisualizer', name='visualizer', radius=9))
    visualizer.set_dataset_meta(METAINFO)
    image = np.full((SIZE, SIZE, 3), 120, np.uint8)
    visualizer.add_datasample('test_img', image, data_sample=data_sample, draw_gt=False, draw_bbox=True,
                              out_file=str(tmp_path / 'out.png'), step=1, **options)
    return cv2.imread(str(tmp_path / 'out.png')).astype(int)


def at(drawn, point):
    x, y = point.round().astype(int)
    return drawn[y, x]


def test_the_prediction_is_drawn_with_lines_to_the_truth_of_what_is_annotated(tmp_path):
    drawn = draw(sample([1, 1, 1, 1, 0, 0, 1, 1]), tmp_path)
    for k in range(8):
        known = k not in (4, 5)
        assert (at(drawn, TRUTH[k]) > 200).all() == known
        assert (at(drawn, POINTS[k] + [0, 40]) > 200).all() == known  # half way
        assert (np.ptp(at(drawn, POINTS[k])) > 60) == known
    left, right = at(drawn, POINTS[0]), at(drawn, POINTS[1])
    assert left[0] > left[2] and right[2] > right[0]  # blue and orange, in a file's BGR
    assert drawn[10, 100].tolist() == [255, 0, 255]


def test_without_annotations_all_landmarks_are_drawn_hollow_below_the_threshold(tmp_path):
    data_sample = sample([0] * 8, scores=np.array([.1, .9] * 4))
    drawn = draw(data_sample, tmp_path, kpt_thr=0.5)
    assert [(at(drawn, point) > 230).all() for point in POINTS] == [True, False] * 4
    assert all((at(drawn, point) == 120).all() for point in TRUTH)
    assert true_places(data_sample) is None and true_places(PoseDataSample()) is None


def test_names_and_heatmaps_on_request(tmp_path):
    data_sample = sample([1] * 8)
    plain, named = draw(data_sample, tmp_path), draw(data_sample, tmp_path, names=True)
    assert plain.shape[1] == SIZE and named.shape[1] == 640
    data_sample.pred_fields = PixelData(heatmaps=np.zeros((8, SIZE, SIZE), np.float32))
    assert len(draw(data_sample, tmp_path, draw_heatmap=True)) == len(plain) + SIZE


def test_mmposes_visualizer_is_back_afterwards():
    with pytest.raises(KeyError), own_drawings(False):
        assert issubclass(VISUALIZERS.get('PoseLocalVisualizer'), LandmarkVisualizer)
        raise KeyError
    assert VISUALIZERS.get('PoseLocalVisualizer') is PoseLocalVisualizer
