"""The files of a job that is stopped and goes on."""

import json

import pytest

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.inference import Journal

MODEL = dict(config='a', checkpoint='1')


def records(*keys, **values):
    return [dict(key=key, **values) for key in keys]


def test_a_torn_line_is_done_again_and_leaves_no_trace(tmp_path):
    journal = Journal(tmp_path, MODEL)
    journal.append(records('a', 'b'))
    del journal
    part = tmp_path / 'part-0-of-1.jsonl'
    with part.open('a') as file:
        file.write('{"key": "c", "val')  # a kill
    journal = Journal(tmp_path, MODEL)
    assert journal.done() == {'a', 'b'}
    assert not journal.finish(['a', 'b', 'c']) and not (tmp_path / 'predictions.jsonl').exists()
    journal.append(records('c'))
    assert [json.loads(line)['key'] for line in part.read_text().splitlines()] == ['a', 'b', 'c']
    assert journal.finish(['c', 'a'])  # in the order that is asked for
    assert list(journal.records()) == records('c', 'a')


@pytest.mark.parametrize('torn', [b'{"key": ', b'x' * 200_000])
def test_a_file_that_is_one_torn_line(tmp_path, torn):
    (tmp_path / 'part-0-of-1.jsonl').write_bytes(torn)
    Journal(tmp_path, MODEL).append(records('a'))
    assert (tmp_path / 'part-0-of-1.jsonl').read_text() == '{"key": "a"}\n'


def test_processes_see_what_all_have_written_whatever_their_number(tmp_path):
    Journal(tmp_path, MODEL, rank=0, world=2).append(records('a'))
    Journal(tmp_path, MODEL, rank=1, world=2).append(records('b'))
    alone = Journal(tmp_path, MODEL)
    assert alone.done() == {'a', 'b'}
    alone.append(records('a'))  # done by two at the same time: it is there once
    assert alone.finish(['a', 'b']) and list(alone.records()) == records('a', 'b')


def test_an_error_is_tried_again_and_gives_way_to_a_result(tmp_path):
    journal = Journal(tmp_path, MODEL)
    journal.append(records('a', error='the server was away'))
    assert not journal.done()
    assert journal.finish(['a']) and 'error' in next(journal.records())
    journal.append(records('a', box=[1]))
    journal.append(records('a', error='away once more'))
    assert journal.done() == {'a'}
    assert journal.finish(['a']) and list(journal.records()) == records('a', box=[1])


def test_another_model_is_refused(tmp_path):
    Journal(tmp_path, MODEL).append(records('a'))
    with pytest.raises(InputError, match=r'predictions of another model \(model.json in it differs in checkpoint\)'):
        Journal(tmp_path, dict(MODEL, checkpoint='2'))
    assert Journal(tmp_path, MODEL).done() == {'a'}


def test_what_a_folder_did_not_have_yet_is_added(tmp_path):
    """The landmarks of one category, later of another; then neither may change."""
    for own in (dict(dress=[1, 2]), {}, dict(skirt=[3]), dict(skirt=[3], dress=[1, 2])):
        Journal(tmp_path, dict(MODEL, **own)).append(records(*own))
    assert json.loads((tmp_path / 'model.json').read_text()) == dict(MODEL, dress=[1, 2], skirt=[3])
    with pytest.raises(InputError, match='differs in dress, skirt'):
        Journal(tmp_path, dict(MODEL, dress=[1], skirt=[4]))
    assert Journal(tmp_path, MODEL).done() == {'dress', 'skirt'}


def test_a_second_process_of_the_same_rank_is_refused(tmp_path):
    pytest.importorskip('fcntl')
    journal = Journal(tmp_path, MODEL)
    with pytest.raises(InputError, match='another process is writing to it; start several by torchrun'):
        Journal(tmp_path, MODEL)
    journal.append(records('a'))
    assert Journal(tmp_path, MODEL, rank=1, world=2).done() == {'a'}


@pytest.mark.parametrize(('name', 'content', 'words'), [
    ('out/part-0-of-2.jsonl', '{"key": "a"}\nnonsense\n', r'part-0-of-2.jsonl, line 2: not a prediction'),
    ('out/model.json', '[1', 'model.json: not what a job writes'),
    ('out/model.json', '[1]', 'model.json: not what a job writes'),
    ('out', '', 'out is a file: name a folder'),
])
def test_a_folder_that_cannot_be_used_is_named(tmp_path, name, content, words):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words):
        Journal(tmp_path / 'out', MODEL).done()


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    journal = Journal(tmp_path, MODEL)
    with pytest.raises(ValueError, match='JSON'):
        journal.append(records('a', box=[float('nan')]))
    journal.append(records('a'))
    journal.finish(['a'])
    assert not list(tmp_path.glob('*.part'))  # nothing half-written is left
