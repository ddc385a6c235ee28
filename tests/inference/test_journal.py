"""The files of a job that is stopped and goes on."""

import json

import pytest

from pcloss_mmpose.inference import Journal, JournalError

MODEL = dict(config='a.py', checkpoint='1')


def records(*keys, value=0):
    return [dict(key=key, value=value) for key in keys]


def test_a_torn_line_is_done_again_and_leaves_no_trace(tmp_path):
    Journal(tmp_path, MODEL).append(records('a', 'b'))
    part = tmp_path / 'part-0-of-1.jsonl'
    with part.open('a') as file:
        file.write('{"key": "c", "val')  # a kill
    journal = Journal(tmp_path, MODEL)
    assert list(journal.done()) == ['a', 'b']
    assert journal.finish(['a', 'b', 'c']) is None and not (tmp_path / 'predictions.jsonl').exists()
    journal.append(records('c'))
    assert [json.loads(line)['key'] for line in part.read_text().splitlines()] == ['a', 'b', 'c']
    assert journal.finish(['c', 'a']) == records('c', 'a')  # in the order that is asked for
    assert [json.loads(line)['key'] for line in (tmp_path / 'predictions.jsonl').read_text().splitlines()] == ['c', 'a']


def test_a_file_that_is_one_torn_line(tmp_path):
    journal = Journal(tmp_path, MODEL)
    journal.part.write_text('{"key": ')
    journal.append(records('a'))
    assert journal.part.read_text() == '{"key": "a", "value": 0}\n'


def test_processes_see_what_all_have_written_whatever_their_number(tmp_path):
    Journal(tmp_path, MODEL, rank=0, world=2).append(records('a'))
    Journal(tmp_path, MODEL, rank=1, world=2).append(records('b'))
    alone = Journal(tmp_path, MODEL)
    assert set(alone.done()) == {'a', 'b'}
    alone.append(records('a', value=1))  # done by two at the same time: it is there once
    assert [record['key'] for record in alone.finish(['a', 'b'])] == ['a', 'b']


def test_another_model_is_refused(tmp_path):
    Journal(tmp_path / 'out', MODEL).append(records('a'))
    with pytest.raises(JournalError, match='holds predictions of another model'):
        Journal(tmp_path / 'out', dict(MODEL, checkpoint='2'))
    assert list(Journal(tmp_path / 'out', MODEL).done()) == ['a']
