import json
import pickle

import numpy as np
import pytest

from pcloss_mmpose import coco_stand_in
from pcloss_mmpose.compat import stand_in_for_xtcocotools
from pcloss_mmpose.errors import MissingPackageError


def evaluated(coco_class, eval_class, truth, results, *args):
    coco = coco_class(str(truth))
    evaluation = eval_class(coco, coco.loadRes(str(results)), 'keypoints', *args)
    evaluation.params.useSegm = None
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def write_coco(folder, anns, results):
    """The paths of a truth with the images 1 to 4, and of results."""
    images = [dict(id=image, width=200, height=200) for image in range(1, 5)]
    (folder / 'truth.json').write_text(json.dumps(dict(
        images=images, annotations=anns, categories=[dict(id=1, name='one'), dict(id=2, name='other')])))
    (folder / 'results.json').write_text(json.dumps(results))
    return folder / 'truth.json', folder / 'results.json'


def made_up(landmarks, number=60):
    """Instances, and detections that miss them by more and more; crowds, unlabelled, unfound and invented ones."""
    rng = np.random.default_rng(landmarks)
    anns, results = [], []
    for index in range(number):
        box = [*rng.uniform(0, 100, 2), *rng.uniform(20, 150, 2)]
        points = box[:2] + rng.random((landmarks, 2)) * box[2:]
        seen = rng.integers(0, 3, landmarks) * (index % 11 > 0)
        ann = dict(id=index, image_id=1 + index % 4, category_id=1 + index % 2, bbox=box,
                   area=box[2] * box[3] * rng.uniform(0.3, 1), keypoints=np.c_[points, seen].ravel().tolist())
        anns.append(dict(ann, iscrowd=1) if index % 13 == 5 else ann)
        if index % 7:
            found = points + rng.normal(0, index / 6, points.shape) + 300 * (index % 17 == 3)
            scores = rng.random(landmarks) * (index % 19 > 0)
            results.append(dict(image_id=ann['image_id'], category_id=ann['category_id'], score=rng.random(),
                                keypoints=np.c_[found, scores].ravel().tolist(), **(dict(bbox=box) if index else {})))
    return anns, results


@pytest.mark.parametrize('landmarks, args', [
    (17, ()), (17, (None, False)), (5, (np.linspace(0.02, 0.2, 5), )), (24, (np.full(24, 0.07), False))])
def test_the_stand_in_measures_as_xtcocotools_does(tmp_path, landmarks, args):
    with stand_in_for_xtcocotools():
        from xtcocotools import coco, cocoeval
    if cocoeval is coco_stand_in:
        pytest.skip('xtcocotools cannot be imported here')
    files = write_coco(tmp_path, *made_up(landmarks))
    ours = evaluated(coco_stand_in.COCO, coco_stand_in.COCOeval, *files, *args)
    assert 0.1 < ours[0] < ours[1] < 0.9
    np.testing.assert_array_equal(ours, evaluated(coco.COCO, cocoeval.COCOeval, *files, *args))


@pytest.mark.parametrize('sigmas, use_area, ap', [
    ([0.05, 0.05], True, 0.6),  # OKS = exp(-3^2 / (2 * 0.1^2 * 1600)) = 0.755: passes 0.5 to 0.75
    ([0.05, 0.05], False, 0.7),  # with 0.53 * 100 * 50 instead of 1600: 0.844
    ([0.05, 0.025], True, 0.1),  # (0.755 + exp(-3^2 / (2 * 0.05^2 * 1600))) / 2 = 0.540
])
def test_ap_by_hand(tmp_path, sigmas, use_area, ap):
    truth = dict(id=0, image_id=1, category_id=1, bbox=[0, 0, 100, 50], area=1600, keypoints=[10, 10, 2, 90, 40, 1])
    result = dict(image_id=1, category_id=1, score=0.5, keypoints=[13, 10, 0.9, 90, 43, 0.8])
    files = write_coco(tmp_path, [truth], [result])
    stats = evaluated(coco_stand_in.COCO, coco_stand_in.COCOeval, *files, np.array(sigmas), use_area)
    assert stats[0] == pytest.approx(ap)


def test_no_result_at_all_is_an_ap_of_0(tmp_path):
    anns, _ = made_up(17)
    stats = evaluated(coco_stand_in.COCO, coco_stand_in.COCOeval, *write_coco(tmp_path, anns, []))
    assert not stats.any()


def test_the_index_can_be_sent_to_a_worker(tmp_path):
    truth, _ = write_coco(tmp_path, *made_up(3))
    assert len(pickle.loads(pickle.dumps(coco_stand_in.COCO(str(truth)))).anns) == 60


@pytest.mark.parametrize('kind', ['keypoints_crowd', 'keypoints_wholebody', 'keypoints_body', 'bbox'])
def test_what_only_xtcocotools_can_do_is_refused(kind):
    with pytest.raises(MissingPackageError, match=f"only xtcocotools evaluates '{kind}'.*docs/install.md"):
        coco_stand_in.COCOeval(iouType=kind)
