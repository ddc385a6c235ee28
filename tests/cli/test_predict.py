"""Landmarks of many pictures: against MMPose's own inference, through a kill, on several processes, from a server."""

import csv
import functools
import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import predict
import pytest
import torch
from mmpose.apis import inference_topdown, init_model

from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS
from pcloss_mmpose.synthetic import write_fashionai

TOOL = Path(predict.__file__)
CONFIG = TOOL.parents[1] / 'configs/demo/td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py'


@pytest.fixture(scope='module')
def garments(tmp_path_factory):
    """Ten drawn garments and random weights."""
    root = tmp_path_factory.mktemp('garments')
    write_fashionai(root, 'test', 10, size=96)
    torch.manual_seed(0)
    torch.save(dict(state_dict=init_model(str(CONFIG), device='cpu').state_dict()), root / 'model.pth')
    return root


def lines(out):
    return [json.loads(line) for line in (out / 'predictions.jsonl').read_text().splitlines()]


def test_it_finds_what_mmpose_finds(garments, call, tmp_path):
    """With a box and without, in batches in which another picture is broken."""
    picture, other = sorted((garments / 'Images').rglob('*.jpg'))[:2]
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(picture.read_bytes()[:-500])
    table = tmp_path / 'table.csv'
    table.write_text(f'image,x1,y1,x2,y2,category\n{picture},10,5,80,90,skirt\n{broken},,,,,\n{other},,,,,\n')
    done = call(predict, CONFIG, garments / 'model.pth', table, '-o', tmp_path / 'out', '--batch-size', 2,
                '--workers', 0, '--draw', '--csv', '--coco')
    assert done.code == 0 and '2 garments, 1 pictures could not be read' in done.out, (done.code, done.err)
    assert f'passed over: {broken}: ' in done.err

    first, torn, second = lines(tmp_path / 'out')
    assert torn['image'] == str(broken) and 'truncated' in torn['error']
    model = init_model(str(CONFIG), str(garments / 'model.pth'), device='cpu')
    for record, box, names in ((first, [10, 5, 80, 90], [LANDMARKS[k] for k in CATEGORY_LANDMARKS['skirt']]),
                               (second, [0, 0, 96, 96], LANDMARKS)):
        expected, = inference_topdown(model, record['image'], bboxes=np.float32([box]))
        assert record['box'] == box and list(record['landmarks']) == list(names)
        for name, (x, y, score) in record['landmarks'].items():
            k = LANDMARKS.index(name)
            assert [x, y] == pytest.approx(expected.pred_instances.keypoints[0, k], abs=0.01)
            assert score == pytest.approx(expected.pred_instances.keypoint_scores[0, k], abs=1e-3)

    header, row, last = csv.reader((tmp_path / 'out' / 'predictions.csv').open())
    cells = dict(zip(header, row))
    assert cells['category'] == 'skirt' and cells['x2'] == '80.0' and cells['crotch_x'] == ''
    assert float(cells['hemline_left_y']) == first['landmarks']['hemline_left'][1]
    result, whole = json.loads((tmp_path / 'out' / 'coco_results.json').read_text())
    assert result['bbox'] == [10, 5, 70, 85] and result['category_id'] == 4 and whole['category_id'] == 1
    flat = np.reshape(result['keypoints'], (24, 3))
    assert flat[17].tolist() == first['landmarks']['hemline_left'] and not flat[:15].any()
    drawn, = (tmp_path / 'out' / 'pictures').rglob(f'{other.name}.png')
    assert (cv2.imread(str(drawn)) != cv2.imread(str(other))).any()


def test_a_killed_job_goes_on_and_loses_and_doubles_nothing(garments, call, tmp_path):
    """Killed without warning after some pictures; then two processes do the rest."""
    arguments = [CONFIG, garments / 'model.pth', garments / 'Images', '-o', tmp_path / 'out', '--batch-size', 1,
                 '--workers', 0]
    part = tmp_path / 'out' / 'part-0-of-1.jsonl'
    job = subprocess.Popen([sys.executable, TOOL, *map(str, arguments)], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    while not part.is_file() or part.read_text().count('\n') < 3:
        assert job.poll() is None
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    before = part.read_text()
    assert before.count('\n') >= 3 and not (tmp_path / 'out' / 'predictions.jsonl').exists()

    for rank in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('RANK', str(rank))
            patch.setenv('WORLD_SIZE', '2')
            assert call(predict, *arguments).code == 0
    assert part.read_text() == before  # what was done is not done again
    images = sorted(map(str, (garments / 'Images').rglob('*.jpg')))
    assert [record['image'] for record in lines(tmp_path / 'out')] == images
    whole = [line for file in (tmp_path / 'out').glob('part-*') for line in file.read_text().split('\n')[:-1]]
    assert sorted(json.loads(line)['key'] for line in whole) == images

    del arguments[-4:-2]
    arguments[arguments.index('-o') + 1] = tmp_path / 'at_once'
    assert call(predict, *arguments).code == 0
    for found, expected in zip(lines(tmp_path / 'out'), lines(tmp_path / 'at_once')):
        assert found['landmarks'].keys() == expected['landmarks'].keys()
        for name, point in found['landmarks'].items():
            assert point == pytest.approx(expected['landmarks'][name], abs=0.02)


class Quiet(http.server.SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


def test_what_has_changed_is_done_again(garments, call, tmp_path):
    """Another box, another category, and a picture that was missing: the old record does not serve."""
    picture = next((garments / 'Images').rglob('*.jpg'))
    table = tmp_path / 'table.csv'
    arguments = [CONFIG, garments / 'model.pth', table, '-o', tmp_path / 'out', '--workers', 0]
    table.write_text(f'image,x1,y1,x2,y2\n{picture},0,0,60,60\nlate.jpg,,,,\n')
    assert '1 garments, 1 pictures could not be read' in call(predict, *arguments).out
    cv2.imwrite(str(tmp_path / 'late.jpg'), np.zeros((50, 40, 3), np.uint8))
    table.write_text(f'image,x1,y1,x2,y2\n{picture},20,20,90,90\nlate.jpg,,,,\n')
    assert call(predict, *arguments, '--category', 'skirt').code == 0
    first, late = lines(tmp_path / 'out')
    assert first['box'] == [20, 20, 90, 90] and len(first['landmarks']) == 4 and late['box'] == [0, 0, 40, 50]
    table.write_text(f'image,x1,y1,x2,y2\n{picture},200,20,300,90\n')
    done = call(predict, *arguments)
    assert done.code == 'error: no picture could be read' and 'lies outside the picture, which is 96x96' in done.err


def test_drawings_stay_in_their_folder(garments, call, tmp_path, monkeypatch):
    """Relative and absolute paths, the same garment twice, and a job that was finished without drawings."""
    monkeypatch.chdir(garments)
    picture = next((garments / 'Images').rglob('*.jpg'))
    arguments = [CONFIG, garments / 'model.pth', picture, picture.relative_to(garments), picture, '-o',
                 tmp_path / 'out', '--workers', 0]
    before = set(garments.rglob('*'))
    assert call(predict, *arguments).code == call(predict, *arguments, '--draw').code == 0
    assert set(garments.rglob('*')) == before
    assert len(list((tmp_path / 'out/pictures').rglob('*.png'))) == 3
    assert len((tmp_path / 'out/part-0-of-1.jsonl').read_text().splitlines()) == 3
    assert call(predict, CONFIG, garments / 'model.pth', tmp_path, '-o', tmp_path / 'out').code == (
        f'error: no picture in {tmp_path}')  # the drawings are none


def test_pictures_from_a_server(garments, call, tmp_path):
    """As any storage that MMEngine reads: one of the two is not there, and is passed over."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(garments)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    picture = next((garments / 'Images').rglob('*.jpg')).relative_to(garments)
    (tmp_path / 'list.txt').write_text(f'{picture}\nImages/gone.jpg\n')
    done = call(predict, CONFIG, garments / 'model.pth', tmp_path / 'list.txt', '-o', tmp_path / 'out', '--workers', 0,
                '--root', f'http://127.0.0.1:{server.server_port}')
    server.shutdown()
    found, gone = lines(tmp_path / 'out')
    assert done.code == 0 and found['box'] == [0, 0, 96, 96] and '404' in gone['error']


def test_bad_input_is_named(garments, call, tmp_path):
    arguments = [CONFIG, garments / 'model.pth', garments / 'Images', '-o', tmp_path / 'out', '--workers', 0]
    assert '--batch-size must be at least 1' in call(predict, *arguments, '--batch-size', 0).err
    refused = call(predict, *arguments, '--category', 'coat').code
    assert "fashionai, has no category 'coat': it has blouse, outwear" in refused
    (tmp_path / 'table.csv').write_text('image,category\na.jpg,dress\nb.jpg,coat\n')
    refused = call(predict, CONFIG, arguments[1], tmp_path / 'table.csv', '-o', tmp_path / 'out').code
    assert 'table.csv, line 3, field category: ' in refused
    (tmp_path / 'bad.pth').write_bytes(b'PK')
    broken = call(predict, CONFIG, tmp_path / 'bad.pth', *arguments[2:])
    assert 'the checkpoint is broken, or no checkpoint' in broken.code
    assert 'nowhere: neither a picture' in call(predict, CONFIG, arguments[1], 'nowhere', '-o', tmp_path / 'out').code
    assert not (tmp_path / 'out').exists()
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'model.json').write_text('{"config": "other.py"}')
    assert 'holds predictions of another model' in call(predict, *arguments).code
