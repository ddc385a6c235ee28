import json

import numpy as np
import pytest

from benchmarks.deepfashion2_files import write_annotations
from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES, PARTS


def test_files_are_those_of_a_real_set_in_layout_and_size(tmp_path):
    folder = write_annotations(tmp_path, 60)
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f'{number:06d}.json' for number in range(1, 61)]
    assert 5000 < np.mean([path.stat().st_size for path in paths]) < 10000
    counts = []
    for path in paths:
        annotation = json.loads(path.read_text())
        items = [annotation[key] for key in annotation if key not in ('source', 'pair_id')]
        counts.append(len(items))
        for item in items:
            landmarks = np.array(item['landmarks']).reshape(-1, 3)
            assert len(landmarks) == len(PARTS[CATEGORIES[item['category_id'] - 1]])
            assert (landmarks[landmarks[:, 2] == 0] == 0).all() and landmarks.max() < 624
            assert all(len(polygon) == 120 for polygon in item['segmentation'])
            x1, y1, x2, y2 = item['bounding_box']
            assert 0 <= x1 < x2 < 468 and 0 <= y1 < y2 < 624
    assert set(counts) == {1, 2}


def test_the_same_seed_gives_the_same_files(tmp_path):
    one, same, other = (write_annotations(tmp_path / name, 2, seed) for name, seed in (('a', 0), ('b', 0), ('c', 1)))
    text = (one / '000002.json').read_text()
    assert (same / '000002.json').read_text() == text != (other / '000002.json').read_text()


def test_real_files_are_not_written_over(tmp_path):
    path = tmp_path / 'train' / 'annos' / '000001.json'
    path.parent.mkdir(parents=True)
    path.write_text('{}')
    with pytest.raises(ValueError, match='not a generated annotation'):
        write_annotations(tmp_path, 1)
    assert path.read_text() == '{}'
