"""COCO's AP of boxes, worked by hand, and as pycocotools gives it for files."""

import json
from math import isnan

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pcloss_mmpose.datasets.box_ap import box_ap, mean_box_ap

# Two persons of 100 x 100 on image 7, none on image 8.
TRUTH = dict(
    images=[dict(id=7), dict(id=8)],
    annotations=[dict(id=0, image_id=7, category_id=1, bbox=[0, 0, 100, 100]),
                 dict(id=1, image_id=7, category_id=1, bbox=[300, 0, 100, 100])])


def person(x, score, image=7, category=1, width=100):
    return dict(image_id=image, category_id=category, bbox=[x, 0, width, 100], score=score)


BOTH = [person(0, 0.9), person(300, 0.8)]


@pytest.mark.parametrize(('results', 'ap'), [
    (BOTH, 100),
    ([person(0, 0.9)], 100 * 51 / 101),  # recall 0.5: the recalls 0, 0.01, ... 0.5 have precision 1, the others 0
    ([*BOTH, person(600, 0.7)], 100),  # what is wrong comes last
    ([*BOTH, person(600, 0.95)], 100 * 2 / 3),  # 1/2 and 2/3, and a precision counts for all lower recalls
    ([*BOTH, person(0, 0.95, image=8)], 100 * 2 / 3),  # the same on the image without persons
    ([*BOTH, person(600, 0.95, category=2)], 100),
    ([person(0, 0.9, width=62), person(300, 0.8, width=62)], 30),  # an overlap of 0.62 is enough for 0.5, 0.55 and 0.6
    ([], 0),
    ([person(0, 0.9, category=2)], 0),
])
def test_by_hand(results, ap):
    assert box_ap(TRUTH, results) == pytest.approx(ap)


def test_no_more_than_100_boxes_of_an_image_count():
    others = [person(600 + n, 0.99) for n in range(100)]
    assert box_ap(TRUTH, [*others, *BOTH]) == 0
    assert box_ap(TRUTH, [*others[:98], *BOTH]) > 0


def test_a_crowd_is_neither_to_be_found_nor_a_fault():
    crowd = dict(TRUTH, annotations=[
        *TRUTH['annotations'], dict(id=2, image_id=7, category_id=1, bbox=[600, 0, 500, 100], iscrowd=1)])
    assert box_ap(crowd, [*BOTH, person(620, 0.95)]) == pytest.approx(100)
    assert isnan(box_ap(dict(crowd, annotations=crowd['annotations'][2:]), BOTH))


def test_the_mean_is_over_the_categories_that_have_a_box():
    """Of category 1 both are found, of 2 nothing, of 3 the half; 4 has none to be found."""
    truth = dict(TRUTH, annotations=[dict(each, category_id=category) for category in (1, 2, 3)
                                     for each in TRUTH['annotations']])
    results = [*BOTH, person(0, 0.9, category=3), person(0, 0.9, category=4)]
    assert mean_box_ap(truth, results, [1, 2, 3, 4]) == pytest.approx((100 + 0 + 100 * 51 / 101) / 3)
    assert mean_box_ap(truth, results, [1, 4]) == pytest.approx(100)
    assert isnan(mean_box_ap(truth, results, [4, 5]))


def test_what_is_given_stays_as_it_is():
    results = [dict(each) for each in BOTH]
    box_ap(TRUTH, results)
    assert results == BOTH and 'area' not in TRUTH['annotations'][0]


def test_real_detections_measure_as_pycocotools_measures_them(shared_data):
    truth, boxes = (shared_data / 'coco_mini' / name for name in ('test_coco.json', 'test_coco_det_AP_H_56.json'))
    coco = COCO(str(truth))
    evaluation = COCOeval(coco, coco.loadRes(str(boxes)), 'bbox')
    evaluation.params.catIds = [1]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    expected = 100 * evaluation.stats[0]
    assert 10 < expected < 100
    assert box_ap(json.loads(truth.read_text()), json.loads(boxes.read_text())) == pytest.approx(expected)
