"""Landmarks of many images: against MMPose's own inference, through a kill, on several processes, from a server."""

import csv
import functools
import http.server
import io
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
import torch
from mmpose.apis import inference_topdown, init_model

from pcloss_mmpose.cli import main
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.inference import Item, find_items
from pcloss_mmpose.inference.job import Job
from pcloss_mmpose.inference.predictor import ImageDataset
from pcloss_mmpose.metainfo.fashionai import CATEGORY_LANDMARKS, LANDMARKS
from pcloss_mmpose.synthetic import write_fashionai

CONFIG = 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128'


def save_untrained(config, path):
    torch.manual_seed(0)
    torch.save(dict(state_dict=init_model(str(config), device='cpu').state_dict()), path)


@pytest.fixture(scope='module')
def garments(tmp_path_factory):
    """Ten drawn garments and random weights; one thread, since more only wait for each other on small images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp('garments')
    write_fashionai(root, 'test', 10, size=96)
    save_untrained(find_config(CONFIG), root / 'model.pth')
    yield root
    torch.set_num_threads(threads)


@pytest.fixture
def predict(garments, call, tmp_path):
    """Run the command on inputs, with the garments' model, in this process."""

    def run(*arguments, out=tmp_path / 'out'):
        return call('predict', CONFIG, garments / 'model.pth', *arguments, '-o', out, '--workers', 0)

    return run


def images_of(garments):
    return sorted((garments / 'Images').rglob('*.jpg'))


def lines(out):
    return [json.loads(line) for line in (out / 'predictions.jsonl').read_text().splitlines()]


def test_it_finds_what_mmpose_finds(garments, predict, tmp_path):
    """With a box and without, in batches in which another image is broken."""
    image, other = images_of(garments)[:2]
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(image.read_bytes()[:-500])
    table = tmp_path / 'table.csv'
    table.write_text(f'image,x1,y1,x2,y2,category\n{image},10,5,80,90,skirt\n{broken},,,,,\n{other},,,,,\n')
    done = predict(table, '--root', '/', '--batch-size', 2, '--draw', '--csv', '--coco')
    assert done.code == 0 and '2 garments, 1 images could not be read' in done.out, (done.code, done.err)
    assert f'passed over: {broken}: ' in done.err and 'warning' not in done.err

    first, torn, second = lines(tmp_path / 'out')
    assert torn['image'] == str(broken) and 'truncated' in torn['error']
    model = init_model(str(find_config(CONFIG)), str(garments / 'model.pth'), device='cpu')
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
    assert (cv2.imread(str(drawn))[:96, :96] != cv2.imread(str(other))).any()  # above the legend


def run_quietly(arguments):
    """The command in a forked process: with one thread, since several do not survive a fork."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    torch.set_num_threads(1)
    main(arguments)


@pytest.mark.skipif('fork' not in multiprocessing.get_all_start_methods(), reason='starts the job by a fork')
def test_a_killed_job_goes_on_and_loses_and_doubles_nothing(garments, predict, tmp_path):
    """Killed twice without warning after some images; then two processes do the rest, as one would have done it all."""
    inputs = [garments / 'Images', '--batch-size', 1]
    command = ['predict', CONFIG, garments / 'model.pth', *inputs, '-o', tmp_path / 'out', '--workers', 0]
    part = tmp_path / 'out' / 'part-0-of-1.jsonl'
    before = ''
    for count in (3, 5):
        job = multiprocessing.get_context('fork').Process(target=run_quietly, args=([str(each) for each in command], ))
        job.start()
        while not part.is_file() or part.read_text().count('\n') < count:
            assert job.is_alive()
            time.sleep(0.001)
        job.kill()
        job.join()
        assert part.read_text().startswith(before)  # what was done is not done again
        before = part.read_text()[:part.read_text().rindex('\n') + 1]
        assert before.count('\n') >= count and not (tmp_path / 'out' / 'predictions.jsonl').exists()

    for rank in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('RANK', str(rank))
            patch.setenv('WORLD_SIZE', '2')
            done = predict(*inputs)
            assert done.code == 0 and ('process 0 of 2 has ended' in done.out) == (rank == 0)
    assert part.read_text() == before
    images = list(map(str, images_of(garments)))
    assert [record['image'] for record in lines(tmp_path / 'out')] == images
    whole = [line for file in (tmp_path / 'out').glob('part-*') for line in file.read_text().split('\n')[:-1]]
    assert sorted(json.loads(line)['key'] for line in whole) == images

    assert predict(*inputs, out=tmp_path / 'at_once').code == 0
    result, expected = (tmp_path / name / 'predictions.jsonl' for name in ('out', 'at_once'))
    assert result.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize('ending', ['model.json', '.jpg.png', 'predictions.jsonl', 'coco_results.json', '.csv'])
def test_a_result_is_there_whole_or_not_at_all(garments, predict, tmp_path, no_name, monkeypatch, ending):
    arguments = images_of(garments)[0], '--draw', '--coco', '--csv'
    no_name(ending)
    done = predict(*arguments)
    assert done.code == 2 and f'{ending}: No space left on device' in done.err and 'Traceback' not in done.err
    assert not [path for path in (tmp_path / 'out').rglob('*') if path.name.endswith((ending, '.part'))]
    monkeypatch.undo()
    assert predict(*arguments).code == 0
    assert [path for path in (tmp_path / 'out').rglob('*') if path.name.endswith(ending)]


class Quiet(http.server.SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


def test_what_has_changed_is_done_again(garments, predict, tmp_path):
    """Another box, another category, and an image that was missing: the old record does not serve."""
    image, table = tmp_path / 'early.jpg', tmp_path / 'table.csv'
    image.write_bytes(images_of(garments)[0].read_bytes())
    table.write_text(f'image,x1,y1,x2,y2\n{image},0,0,60,60\nlate.jpg,,,,\n')
    assert '1 garments, 1 images could not be read' in predict(table).out
    cv2.imwrite(str(tmp_path / 'late.jpg'), np.zeros((50, 40, 3), np.uint8))
    table.write_text(f'image,x1,y1,x2,y2\n{image},20,20,90,90\nlate.jpg,,,,\n')
    assert predict(table, '--category', 'skirt').code == 0
    first, late = lines(tmp_path / 'out')
    assert first['box'] == [20, 20, 90, 90] and len(first['landmarks']) == 4 and late['box'] == [0, 0, 40, 50]
    refused = predict(table, '--category', 'skirt', '--all-landmarks')  # the same garments, with other landmarks
    assert refused.code == 2 and "another model (model.json in it differs in landmarks of 'skirt')" in refused.err
    table.write_text(f'image,x1,y1,x2,y2\n{image},200,20,300,90\n')
    done = predict(table)
    assert done.code == 1 and 'error: no image could be read' in done.err
    assert 'lies outside the image, which is 96x96' in done.err


def test_drawings_stay_in_their_folder(garments, predict, tmp_path, monkeypatch):
    """Relative and absolute paths, the same garment twice, and a job that was finished without drawings."""
    monkeypatch.chdir(garments)
    image = images_of(garments)[0]
    inputs = [image, image.relative_to(garments), image]
    before = set(garments.rglob('*'))
    assert predict(*inputs).code == predict(*inputs, '--draw').code == 0
    assert set(garments.rglob('*')) == before
    assert len(list((tmp_path / 'out/pictures').rglob('*.png'))) == 3
    assert len((tmp_path / 'out/part-0-of-1.jsonl').read_text().splitlines()) == 3
    assert f'error: no image in {tmp_path}\n' == predict(tmp_path).err  # the drawings are none


def test_pictures_have_names_and_hollow_points_on_request(garments, predict, tmp_path):
    """Untrained scores lie below 0.3 and above -9. What was drawn before stays, and that is said."""
    image = images_of(garments)[0]
    pictures = {}
    for name, options in (('plain', []), ('names', ['--names']), ('filled', ['--hollow-below', -9])):
        done = predict(image, '--draw', *options, out=tmp_path / name)
        assert done.code == 0 and 'there already' not in done.err
        path, = (tmp_path / name / 'pictures').glob('*.png')
        pictures[name] = cv2.imread(str(path))
    assert pictures['names'].shape[1] == 640 and pictures['plain'].shape[1] == 160  # of 96, and room for the legend
    assert len(pictures['filled']) < len(pictures['plain'])  # nothing hollow to explain
    done = predict(image, '--draw', '--names', out=tmp_path / 'plain')
    assert '1 of 1 pictures are there already and stay as they are' in done.err
    assert f"remove {tmp_path / 'plain' / 'pictures'}" in done.err
    for option in (['--names'], ['--hollow-below', 0.5]):
        done = predict(image, *option, out=tmp_path / 'other')
        assert done.code == 2 and 'go with --draw' in done.err


def test_workers_hand_over_crops_and_no_whole_image(garments, tmp_path):
    """However many batches are on their way, with drawings or without, they hold crops of 128 x 128."""
    path = tmp_path / 'large.png'
    cv2.imwrite(str(path), np.zeros((900, 800, 3), np.uint8))
    config = load_config(find_config(CONFIG))
    model = init_model(config, device='cpu')
    dataset = ImageDataset([Item(str(path))], config.test_dataloader.dataset.pipeline, model.dataset_meta)
    entry, sent = dataset[0], io.BytesIO()
    torch.save(entry, sent)  # with all that its tensors are views of
    assert entry.keys() == {'item', 'box', 'sample'} and sent.tell() < 2 * 3 * 128 * 128
    assert dataset.image(Item(str(path))).shape == (900, 800, 3)


def test_workers_give_what_one_process_does(garments, tmp_path):
    """The same files; a record is in the journal only when its drawing is there."""
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(images_of(garments)[0].read_bytes()[:-500])
    items = find_items([str(garments / 'Images'), str(broken)])
    for workers in (0, 1):
        out = tmp_path / str(workers)
        job = Job(find_config(CONFIG), str(garments / 'model.pth'), items, out, draw=True, device='cpu')
        for _ in job.run(batch_size=3, workers=workers):
            records = [json.loads(line) for line in (out / 'part-0-of-1.jsonl').read_text().splitlines()]
            assert records and all(job.drawings[each['key']].is_file() for each in records if 'error' not in each)
        job.finish()
    alone, shared = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob('*.*')}
                     for name in '01')
    assert len(alone) == 13 and alone == shared


class Once(Quiet):
    """Gives each file a single time."""

    given = set()

    def do_GET(self):
        if self.path in self.given:
            self.send_error(503)
        else:
            self.given.add(self.path)
            super().do_GET()


def test_what_cannot_be_read_again_to_be_drawn_is_passed_over(garments, predict, tmp_path):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Once, directory=str(garments)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    image, other = images_of(garments)[:2]
    (tmp_path / 'list.txt').write_text(f'{image.relative_to(garments)}\n')
    inputs = tmp_path / 'list.txt', other, '--root', f'http://127.0.0.1:{server.server_port}', '--draw'
    done = predict(*inputs)
    lost, found = lines(tmp_path / 'out')
    assert done.code == 0 and '503' in lost['error'] and 'landmarks' in found
    Once.do_GET = Quiet.do_GET
    assert predict(*inputs).code == 0
    server.shutdown()
    assert 'landmarks' in lines(tmp_path / 'out')[0] and len(list((tmp_path / 'out').rglob('*.png'))) == 2


def test_images_from_a_server(garments, predict, tmp_path):
    """As any storage that MMEngine reads: one of the two is not there, and is passed over."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(garments)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    image = images_of(garments)[0].relative_to(garments)
    (tmp_path / 'list.txt').write_text(f'{image}\nImages/gone.jpg\n')
    done = predict(tmp_path / 'list.txt', '--root', f'http://127.0.0.1:{server.server_port}')
    server.shutdown()
    found, gone = lines(tmp_path / 'out')
    assert done.code == 0 and found['box'] == [0, 0, 96, 96] and '404' in gone['error']


def test_an_unknown_category_is_a_warning_and_all_landmarks(garments, predict, tmp_path):
    image = images_of(garments)[0]
    (tmp_path / 'table.csv').write_text(f'image,category\n{image},dress\n{image},coat\n{image},coat\n')
    done = predict(tmp_path / 'table.csv', '--root', '/')
    assert done.code == 0 and done.err.count('warning: ') == 1
    assert (f"warning: {tmp_path}/table.csv, line 3: the landmarks of the category 'coat' are not known (known are "
            'those of blouse, outwear, dress, skirt, trousers), so that its garments get all\n') in done.err
    assert [len(record['landmarks']) for record in lines(tmp_path / 'out')] == [15, 24, 24]
    done = predict(tmp_path / 'table.csv', '--root', '/', '--all-landmarks', out=tmp_path / 'all')
    assert [len(record['landmarks']) for record in lines(tmp_path / 'all')] == [24] * 3 and 'warning' not in done.err


#: A data set as docs/your_garments.md sets one up.
METAINFO = """
_base_ = []
from pcloss_mmpose.metainfo import build_dataset_info

dataset_info = build_dataset_info(
    dataset_name='waistcoats', landmarks=('left_neck', 'right_neck', 'top_button', 'cuff'))
"""
OWN_CONFIG = """
_base_ = [{configs!r} + name for name in (
    'default_runtime.py', 'schedules/adam_600.py', 'models/spb_efflite0.py', 'datasets/coco_json_160x160.py')]
own = dict(data_root={root!r}, data_prefix=dict(img=''), metainfo=dict(from_file={root!r} + '/metainfo.py'))
train_dataloader = dict(dataset=dict(own, ann_file='train.json'))
val_dataloader = dict(dataset=dict(own, ann_file='val.json'))
test_dataloader = val_dataloader
model = dict(head=dict(out_channels=4, decoder=_base_.codec))
"""


def test_own_garments_get_the_landmarks_that_are_labelled(garments, call, tmp_path):
    """Of a COCO file, with metainfo that has no categories, as whoever followed docs/your_garments.md has both."""
    annotation = dict(id=1, image_id=1, category_id=7, iscrowd=0, area=900, bbox=[10, 20, 30, 30], num_keypoints=3,
                      keypoints=[20, 30, 2, 25, 30, 1, 30, 30, 2, 0, 0, 0])
    (tmp_path / 'train.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name=str(images_of(garments)[0]), width=96, height=96)], annotations=[annotation],
        categories=[dict(id=7, name='waistcoat')])))
    base = find_config(CONFIG).parents[1] / '_base_'
    (tmp_path / 'own.py').write_text(OWN_CONFIG.format(configs=f'{base}/', root=str(tmp_path)))
    (tmp_path / 'metainfo.py').write_text(METAINFO)
    save_untrained(tmp_path / 'own.py', tmp_path / 'own.pth')
    arguments = ['predict', tmp_path / 'own.py', tmp_path / 'own.pth', tmp_path / 'train.json', '-o', tmp_path / 'out',
                 '--workers', 0, '--coco', '--root', '/']
    done = call(*arguments)
    assert done.code == 0 and 'warning: ' not in done.err, done.err
    record, = lines(tmp_path / 'out')
    assert list(record['landmarks']) == ['left_neck', 'right_neck', 'top_button'] and record['box'] == [10, 20, 40, 50]
    result, = json.loads((tmp_path / 'out' / 'coco_results.json').read_text())
    assert (result['image_id'], result['category_id'], len(result['keypoints'])) == (1, 7, 12)

    (tmp_path / 'train.json').write_text((tmp_path / 'train.json').read_text().replace('0, 0, 0]', '30, 40, 1]'))
    assert "another model (model.json in it differs in landmarks of 'waistcoat')" in call(*arguments).err


@pytest.mark.parametrize(('change', 'words'), [
    (dict(batch=('--batch-size', '0')), 'argument --batch-size: must be at least 1, got 0'),
    (dict(config='td-hm_res50'), 'td-hm_res50: no such file (in the folder'),
    (dict(checkpoint='gone.pth'), 'argument CHECKPOINT: gone.pth: no such file'),
    (dict(inputs='nowhere'), 'nowhere: there is no such file or folder'),
    (dict(inputs='table.csv'), 'table.csv, line 2, field box: the box [9.0, 1.0, 2.0, 2.0] has no area'),
    (dict(out='table.csv'), 'argument -o/--out: table.csv is a file: name a folder'),
])
def test_bad_input_is_refused_at_once(garments, tmp_path, change, words):
    """Before torch is imported."""
    (tmp_path / 'table.csv').write_text('image,x1,y1,x2,y2\na.jpg,9,1,2,2\n')
    given = dict(dict(config=CONFIG, checkpoint=str(garments / 'model.pth'), inputs=str(garments / 'Images'), out='out',
                      batch=()), **change)
    arguments = ['predict', given['config'], given['checkpoint'], given['inputs'], '-o', given['out'], *given['batch']]
    code = (f"import sys\nfrom pcloss_mmpose.cli import main\ntry:\n    main({arguments!r})\n"
            "finally:\n    assert not {'torch', 'mmengine', 'numpy'} & set(sys.modules)")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, text=True, capture_output=True, env=environment)
    assert done.returncode == 2 and done.stderr.startswith('error: ') and done.stderr.count('\n') == 1, done.stderr
    assert words in done.stderr and not (tmp_path / 'out').exists()


def test_bad_input_is_named(garments, predict, call, tmp_path):
    (tmp_path / 'bad.pth').write_bytes(b'PK')
    inputs = [garments / 'Images', '-o', tmp_path / 'out']
    for config, checkpoint, more, words in (
            (CONFIG, tmp_path / 'bad.pth', (), f'{tmp_path}/bad.pth: no whole checkpoint ('),
            (CONFIG, 'http://127.0.0.1:9/model.pth', (), 'no model from http://127.0.0.1:9/model.pth (URLError: '),
            (CONFIG, garments / 'model.pth', ('--device', 'cuda:77'), "device 'cuda:77': "),
            (CONFIG, garments / 'model.pth', ('--device', 'gpu'), "device 'gpu': "),
            (garments / 'empty.py', garments / 'model.pth', (), 'empty.py: it has no test_dataloader with a pipeline')):
        (garments / 'empty.py').write_text('model = dict()')
        done = call('predict', config, checkpoint, *inputs, *more)
        assert done.code == 2 and f'error: {words}' in done.err.replace(f'{garments}/', '') and (
            'Traceback' not in done.err), done.err
    assert not (tmp_path / 'out').exists()
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'model.json').write_text('{"config": "other.py"}')
    assert 'holds predictions of another model (model.json in it differs in config)' in predict(garments / 'Images').err
