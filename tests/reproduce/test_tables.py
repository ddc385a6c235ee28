import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcloss_mmpose.configs import find_config, list_configs
from pcloss_mmpose.metainfo import fashion8, fashionai
from reproduce.paper import ARMS, METAINFO, paper_tables
from reproduce.runs import WEIGHT, with_beta
from reproduce.tables import cells, markdown_table

ROOT = Path(__file__).resolve().parents[2]
SPB = find_config('td-hm_res50_4xb5-100k_fashionai-512x512')
SPB_PC = find_config('td-hm_res50-pcloss_4xb5-100k_fashionai-512x512')
FILES = {path.stem: path for path in list_configs()}
LONG = {'train_cfg.max_iters': 150000}


@pytest.fixture(autouse=True)
def read_configs_once(runs, monkeypatch):
    monkeypatch.setattr('reproduce.tables.load_config', lambda path, custom_imports: runs.load(path))


def table(output, title):
    """The rows of one table of the output, by the first cell: the cells by their heading."""
    _, _, rest = output.partition(f'## {title}')
    lines = [line for line in rest.split('\n## ')[0].splitlines() if line.startswith('|')]
    header, _, *rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    return {row[0]: dict(zip(header, row)) for row in rows}


def section(output, title):
    _, _, rest = output.partition(f'## {title}\n')
    return [line.strip(' -') for line in rest.split('\n## ')[0].splitlines() if line.strip()]


def test_a_table_is_aligned():
    assert markdown_table(['method', 'n', 'NE'], [['SPB', '2', '2.96'], ['SPB + PCLoss', '-', '-']]) == '\n'.join([
        '| method       |  n |   NE |',
        '| :----------- | -: | ---: |',
        '| SPB          |  2 | 2.96 |',
        '| SPB + PCLoss |  - |    - |',
    ])


@pytest.mark.parametrize(('values', 'base', 'digits', 'expected'), [
    ([[]], [], 2, ['-', '-']),
    ([[2.956]], [], 2, ['2.96', '-']),
    ([[]], [2.96], 2, ['-', '-']),
    ([[2.82]], [2.96], 2, ['2.82', '-0.14']),
    ([[70.7]], [70., 70.8], 2, ['70.70', '+0.30']),
    ([[1.]], [1.], 2, ['1.00', '+0.00']),
    ([[1., 2., 3.], [1., 3.], []], [4.], 2, ['2.00 ± 1.00', '-2.00', '2.00', '-']),  # (1 + 0 + 1) / 2 = 1
    ([[1., 2.]], [], 1, ['1.5 ± 0.7', '-']),  # 0.5 ** 0.5
    ([[3.91104]], [], 4, ['3.9110', '-']),
])
def test_values_of_several_runs(values, base, digits, expected):
    assert cells(values, base, digits) == expected


def test_every_row_has_its_config(runs):
    names = list(dict.fromkeys(name for *_, rows in paper_tables() for _, name, _ in rows if name))
    assert len(names) == 6 + 6 + 9 + 4
    for name in names:
        config = runs.load(FILES[name])
        assert config.train_cfg.get('max_epochs') == 210 if 'coco' in name else config.train_cfg.max_iters == 100000
        assert ('pc_loss' in config.model.head) == ('-pcloss' in name)


def test_the_partitions_of_the_ablation_are_those_of_the_configs(runs):
    partitions = {suffix: runs.load(FILES[f'td-hm_res50-fpn{suffix}_4xb5-100k_fashionai-512x512'])
                  .model.head.pc_loss.partition for suffix in ARMS if suffix}
    assert partitions == {'-pcloss': 'left_right', '-pcloss-whole': None, '-pcloss-topbottom': 'top_bottom'}


def test_the_columns_are_the_landmarks_of_the_data_sets():
    columns = [list(columns) for _, _, columns, _ in paper_tables()]
    assert columns[:4] == [['average', *fashion8.LANDMARKS]] * 2 + [['average', *fashionai.LANDMARKS], ['average']]
    assert {name: info.dataset_info['dataset_name'] for name, info in METAINFO.items()} == {
        'deepfashion': 'deepfashion_attribute', 'fld': 'fld', 'fashionai': 'fashionai'}


def test_the_papers_figures_agree_with_each_other():
    """An average is the mean of its landmarks, and Table 3 rounds the figures of Table 4."""
    tables = [{method: figures for method, _, figures in rows} for *_, rows in paper_tables()]
    for rows in tables[:2]:
        assert len(rows) == 9
        for average, *landmarks in rows.values():
            known = [figure for figure in landmarks if figure is not None]
            assert len(landmarks) == 8 and abs(sum(known) / len(known) - average) < 0.0051 + 1e-9
    for method in ('FashionNet', 'FPN', 'FashionNet + PCLoss', 'FPN + PCLoss'):
        assert tables[2][method] == [round(tables[3][method][0], 2)]


def test_without_runs_the_paper_stands_alone(call, tmp_path, monkeypatch):
    monkeypatch.undo()  # with the real reader of configs
    monkeypatch.chdir(tmp_path)
    shown = call('tables')
    assert shown.code == 0
    rows = table(shown.out, 'Table 1')
    ours = ['FashionNet', 'FashionNet + PCLoss', 'FPN', 'FPN + PCLoss', 'SPB', 'SPB + PCLoss']
    assert [name for name in rows if '(' not in name] == ours
    assert [name for name in rows if '(' in name] == [
        'FashionNet (paper)', 'FashionNet + PCLoss (paper)', 'DFA (quoted)', 'DLAN (quoted)', 'FGN (quoted)',
        'FPN (paper)', 'FPN + PCLoss (paper)', 'SPB (paper)', 'SPB + PCLoss (paper)']
    assert list(rows['SPB']) == ['method', 'n', 'average', 'delta', *fashion8.LANDMARKS]
    assert all(list(rows[name].values())[1:] == ['0'] + ['-'] * 10 for name in ours)
    assert list(rows['SPB + PCLoss (paper)'].values())[1:] == [
        '-', '2.82', '-0.14', '2.03', '2.06', '3.00', '3.04', '4.64', '4.75', '1.50', '1.53']
    assert (rows['DFA (quoted)']['average'], rows['DFA (quoted)']['delta']) == ('6.62', '-')
    assert table(shown.out, 'Table 2')['DFA (quoted)']['left_waistline'] == '-'
    assert table(shown.out, 'Table 4')['FPN + PCLoss, top-bottom (paper)']['delta'] == '-0.1622'  # 3.9597 - 4.1219
    assert table(shown.out, 'Table 5')['FPN + PCLoss (paper)']['delta'] == '+0.7'
    assert list(table(shown.out, 'Figure 8')) == ['without PCLoss', '1e-6', '1e-5', '1e-4', '1e-3', '1e-2']
    assert 'Not counted' not in shown.out
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 25 + 1
    tools, config = (os.path.relpath(ROOT / path) for path in (
        'tools', 'configs/deepfashion/fashionnet/td-reg_fashionnet_4xb5-100k_deepfashion-512x512.py'))
    folder = f'work_dirs/{Path(config).stem}'
    assert todo[:2] == [f'bash {tools}/dist_train.sh {config} 4 --work-dir {folder}',
                        f'bash {tools}/dist_test.sh {config} {folder}/iter_100000.pth 4 --work-dir {folder}']
    coco = 'td-hm_res50-pcloss_8xb64-210e_coco-256x192'
    assert any(f'{coco}.py work_dirs/{coco}/epoch_210.pth 8 ' in line for line in todo)
    assert todo[-1] == (f'python {tools}/sweep_beta.py {os.path.relpath(SPB_PC)} 4 --work-dir work_dirs/{SPB_PC.stem}')


def test_runs_fill_their_rows(call, runs, tmp_path):
    """Two seeds of the base and one run with PCLoss on FashionAI; each landmark's column and the average are means."""
    for seed, crotch, average in ((0, 6., 4.), (1, 8., 5.)):
        runs.write(tmp_path / f'seed_{seed}', SPB, metrics={'NE': 9., 'NE_macro': average, 'NE/crotch': crotch})
    runs.write(tmp_path / 'pc', SPB_PC, metrics={'NE': 9., 'NE_macro': 4.2, 'NE/crotch': 6.5, 'NE/center_front': 3.})
    shown = call('tables', tmp_path)
    rows = table(shown.out, 'Table 3')
    assert {name: rows['SPB'][name] for name in ('n', 'crotch', 'center_front', 'average', 'delta')} == dict(
        n='2', crotch='7.00', center_front='-', average='4.50 ± 0.71', delta='-')
    assert {name: rows['SPB + PCLoss'][name] for name in ('n', 'crotch', 'center_front', 'average', 'delta')} == dict(
        n='1', crotch='6.50', center_front='3.00', average='4.20', delta='-0.30')
    assert rows['SPB + PCLoss (paper)']['delta'] == '-0.20'
    assert table(shown.out, 'Figure 8')['without PCLoss']['average'] == '4.50 ± 0.71'
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 23 + 1 and not any('spb/td-hm_res50' in line and 'fashionai' in line for line in todo[:-1])


def test_the_longer_schedule_has_its_own_runs(call, runs, tmp_path):
    """Of the same configs, which the two tables share; COCO has one schedule."""
    for suffix, average in (('', 4.), ('-pcloss-topbottom', 3.96), ('-pcloss', 3.9)):
        path = FILES[f'td-hm_res50-fpn{suffix}_4xb5-100k_fashionai-512x512']
        runs.write(tmp_path / path.stem, path, metrics={'NE_macro': average}, options=LONG)
    shown = call('tables', tmp_path, '--schedule', '150k')
    rows = table(shown.out, 'Table 4')
    assert [(row['average'], row['delta']) for name, row in rows.items() if name[:3] == 'FPN' and '(' not in name] == [
        ('4.0000', '-'), ('3.9000', '-0.1000'), ('-', '-'), ('3.9600', '-0.0400')]
    assert table(shown.out, 'Table 3')['FPN + PCLoss']['delta'] == '-0.10'
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 22 + 1
    assert {'coco' in line for line in todo if 'max_iters' not in line} == {True}
    assert all(line.count('--cfg-options train_cfg.max_iters=150000') == 1 for line in todo if '-100k_' in line)
    assert all('/iter_150000.pth 4 ' in line for line in todo if 'dist_test.sh' in line and '-100k_' in line)

    short = call('tables', tmp_path)
    assert {row['n'] for row in table(short.out, 'Table 3').values()} == {'0', '-'}
    assert [line.split(': ')[2] for line in section(short.out, 'Not counted')] == [
        'train_cfg.max_iters is 150000 instead of 100000 (the training of 20260101_000000)'] * 3
    assert sum(f'{tmp_path}/td-hm_res50-fpn_4xb5-100k_fashionai-512x512_2' in line
               for line in section(short.out, 'Still to be run')) == 2


def test_coco_is_in_percent(call, runs, tmp_path):
    names = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')
    for suffix, first in (('', 0.70), ('-pcloss', 0.712)):
        path = FILES[f'td-hm_res50{suffix}_8xb64-210e_coco-256x192']
        metrics = {f'coco/{name}': first + index / 100 for index, name in enumerate(names)}
        runs.write(tmp_path / path.stem, path, metrics=metrics, processes=8)
    rows = table(call('tables', tmp_path).out, 'Table 5')
    assert list(rows['SPB'].values()) == ['SPB', '1', '70.0', '-', '71.0', '72.0', '73.0', '74.0', '75.0']
    assert rows['SPB + PCLoss']['delta'] == '+1.2'


def test_what_does_not_count_is_told_and_its_commands_are_listed(call, runs, tmp_path, monkeypatch):
    """A training that is short on purpose, one that was interrupted, one that is not tested, and a broken result."""
    monkeypatch.chdir(tmp_path)
    short, interrupted, untested, broken = (FILES[f'{model}_4xb5-100k_{dataset}-512x512'] for model, dataset in (
        ('td-reg_fashionnet', 'deepfashion'), ('td-hm_res50-fpn', 'deepfashion'), ('td-hm_res50', 'deepfashion'),
        ('td-hm_res50', 'fld')))
    root = Path('work_dirs')
    runs.write(root / short.stem, short, options={'train_cfg.max_iters': 100}, metrics={'NE_macro': 1.})
    runs.write(root / interrupted.stem, interrupted, checkpoint='iter_5000.pth', metrics={'NE_macro': 1.})
    runs.write(root / 'other name', untested)
    runs.write(root / broken.stem, broken, metrics='{"NE_macro": 2')
    shown = call('tables')
    assert shown.code == 0
    assert {row['n'] for number in (1, 2, 3) for row in table(shown.out, f'Table {number}').values()} == {'0', '-'}
    metrics = f'work_dirs/{broken.stem}/20260102_000000/20260102_000000.json'
    assert sorted(section(shown.out, 'Not counted')) == sorted([
        f'work_dirs/{short.stem}: trained with other settings: train_cfg.max_iters is 100 instead of 100000 '
        '(the training of 20260101_000000)',
        f'work_dirs/{interrupted.stem}: training ended at iter_5000.pth, before iter_100000.pth',
        'work_dirs/other name: its last checkpoint is not tested yet',
        f'work_dirs/{broken.stem}: {metrics}: half-written, or without NE_macro and coco/AP; test again'])
    todo = section(shown.out, 'Still to be run')
    train, test = (f'bash {os.path.relpath(ROOT)}/tools/dist_{act}.sh' for act in ('train', 'test'))
    by_config = {path: [line for line in todo if f'/{path.name}' in line]
                 for path in (short, interrupted, untested, broken)}
    config, folder = os.path.relpath(interrupted), f'work_dirs/{interrupted.stem}'
    assert by_config[interrupted] == [
        f'{train} {config} 4 --work-dir {folder} --resume',
        f'{test} {config} {folder}/iter_100000.pth 4 --work-dir {folder}']
    assert [f'work_dirs/{short.stem}_2' in line for line in by_config[short]] == [True, True]  # nothing is lost
    folder = "'work_dirs/other name"
    assert by_config[untested] == [
        f"{test} {os.path.relpath(untested)} {folder}/iter_100000.pth' 4 --work-dir {folder}'"]
    assert [line.split()[1] for line in by_config[broken]] == [test.split()[1]]


def test_a_sweep_fills_figure_8(call, runs, tmp_path):
    for beta in (1e-6, 3e-5):
        weight = {WEIGHT: with_beta(runs.load(SPB_PC), beta).model.head.pc_loss.loss_weight}
        runs.write(tmp_path / SPB_PC.stem / f'beta_{beta:.0e}'.replace('-0', '-'), SPB_PC, options=weight,
                   test_options=weight, metrics={'NE_macro': 4 + 1e4 * beta})
    runs.write(tmp_path / SPB_PC.stem / 'beta_1e-2', SPB_PC, metrics={'NE_macro': 1.})  # with the config's own weight
    runs.write(tmp_path / 'base', SPB, metrics={'NE_macro': 4.})
    shown = call('tables', tmp_path)
    rows = table(shown.out, f'Figure 8: average over beta, {SPB_PC.stem}')
    assert {beta: tuple(row.values())[1:] for beta, row in rows.items() if row['n'] == '1'} == {
        'without PCLoss': ('-', '1', '4.00', '-'), '1e-6': ('1.638e-06', '1', '4.01', '+0.01'),
        '3e-5': ('4.915e-05', '1', '4.30', '+0.30')}
    assert list(rows) == ['without PCLoss', '1e-6', '1e-5', '3e-5', '1e-4', '1e-3', '1e-2']
    line, = section(shown.out, 'Not counted')
    assert 'beta_1e-2: trained with other settings: model.head.pc_loss.loss_weight is 0.00032768' in line
    assert table(shown.out, 'Table 3')['SPB + PCLoss']['n'] == '0'  # a beta's run is none of the table's
    assert section(shown.out, 'Still to be run')[-1].endswith(f' 4 --work-dir {tmp_path}/{SPB_PC.stem}')


@pytest.mark.parametrize(('arguments', 'message'), [
    (['tables', 'gone'], 'gone: no such folder'),
    (['tables', '--schedule', '200k'], "argument --schedule: invalid choice: '200k'"),
    ([], 'the following arguments are required: {tables,sweep}'),
])
def test_wrong_arguments_are_told_in_one_line(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    shown = call(*arguments)
    assert shown.code == 2 and message in shown.err and shown.err.count('\n') == 1


def test_help_comes_without_torch_and_mmpose(tmp_path):
    """From another folder, by the tools; a fresh process, so that it shows what is imported."""
    for tool in ('paper_tables.py', 'sweep_beta.py'):
        code = (f"import runpy, sys; sys.argv = [{str(ROOT / 'tools' / tool)!r}, '--help']\n"
                "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
                "except SystemExit as stop: assert stop.code == 0\n"
                "assert not {'torch', 'mmcv', 'mmpose', 'mmengine', 'matplotlib'} & set(sys.modules)")
        subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


def test_the_page_shows_what_is_printed_and_its_loops_name_the_configs_of_each_table(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / 'docs' / 'reproduce.md').read_text()
    sample = page.split('```\n')[1]
    assert sample.startswith('## Table 5') and sample in call('tables').out
    globs = [line.split(' in ')[1].split(';')[0] for line in page.splitlines() if line.startswith('    for config in ')]
    tables = [{name for _, name, _ in rows if name} for *_, rows in paper_tables()]
    for table_number, pattern in zip((1, 2, 3, 5), globs):
        found = {path.stem for path in ROOT.glob(pattern)}
        assert found == tables[table_number - 1] | (tables[3] if table_number == 3 else set())
