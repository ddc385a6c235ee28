import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcloss_mmpose.configs import find_config, list_configs
from pcloss_mmpose.metainfo import fashion8, fashionai
from reproduce.paper import ARMS, METAINFO, READINGS, paper_tables
from reproduce.runs import WEIGHT, WEIGHT_PER_BETA, with_beta
from reproduce.tables import SWEPT, change, markdown_table, mean, spread

ROOT = Path(__file__).resolve().parents[2]
SPB = find_config('td-hm_res50_4xb5-100k_fashionai-512x512')
SPB_PC = find_config('td-hm_res50-pcloss_4xb5-100k_fashionai-512x512')
FILES = {path.stem: path for path in list_configs()}
LONG = {'train_cfg.max_iters': 150000}


@pytest.fixture(autouse=True)
def read_configs_once(runs, monkeypatch):
    monkeypatch.setattr('reproduce.tables.load_config', lambda path, custom_imports: runs.load(path))


def table(output, title, heading=None):
    """The rows of one table of the output, by the first cell, or method and arm: the cells by their heading.

    ``heading``: of a smaller table below it.
    """
    _, _, rest = output.partition(f'## {title}')
    rest = rest.split('\n## ')[0]
    if heading:
        _, _, rest = rest.partition(f'### {heading}')
    lines = [line for line in rest.split('\n### ')[0].splitlines() if line.startswith('|')]
    header, _, *rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    header = [f'paper {name}' if name in header[:index] else name for index, name in enumerate(header)]
    return {f'{row[0]} {row[1]}' if header[1] == 'PCLoss' else row[0]: dict(zip(header, row)) for row in rows}


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
    ([], [], 2, ['-', '-', '-']),
    ([2.956], [], 2, ['2.96', '-', '-']),
    ([], [2.96], 2, ['-', '-', '-']),
    ([2.82], [2.96], 2, ['2.82', '-', '-0.14']),
    ([70.7], [70., 70.8], 2, ['70.70', '-', '+0.30']),
    ([1.], [1.], 2, ['1.00', '-', '+0.00']),
    ([1., 2., 3.], [4.], 2, ['2.00', '1.00', '-2.00']),  # (1 + 0 + 1) / 2 = 1
    ([1., 2.], [], 1, ['1.5', '0.71', '-']),  # 0.5 ** 0.5
    ([3.91104], [], 4, ['3.9110', '-', '-']),
])
def test_values_of_several_runs(values, base, digits, expected):
    assert [mean(values, digits), spread(values), change(values, base, digits)] == expected


def test_every_row_has_its_config(runs):
    names = list(dict.fromkeys(row.config for table in paper_tables() for row in table.rows))
    assert len(names) == 17 + 17 + 12 + 6
    for name in names:
        config = runs.load(FILES[name])
        assert config.train_cfg.get('max_epochs') == 210 if 'coco' in name else config.train_cfg.max_iters == 100000
        assert ('pc_loss' in config.model.head) == ('-pcloss' in name)


def test_the_partitions_of_the_ablation_are_those_of_the_configs(runs):
    partitions = {suffix: runs.load(FILES[f'td-hm_res50-fpn{suffix}_4xb5-100k_fashionai-512x512'])
                  .model.head.pc_loss.partition for suffix in ARMS if suffix}
    assert partitions == {'-pcloss': 'left_right', '-pcloss-tuned': 'left_right', '-pcloss-whole': None,
                          '-pcloss-topbottom': 'top_bottom'}


def test_the_columns_are_the_landmarks_of_the_data_sets():
    columns = [list(table.columns) for table in paper_tables()]
    assert columns[:4] == [['NE', *fashion8.LANDMARKS]] * 2 + [['NE', *fashionai.LANDMARKS], ['NE']]
    assert {name: info.dataset_info['dataset_name'] for name, info in METAINFO.items()} == {
        'deepfashion': 'deepfashion_attribute', 'fld': 'fld', 'fashionai': 'fashionai'}


def test_the_papers_figures_agree_with_each_other():
    """An average is the mean of its landmarks, and Table 3 rounds the figures of Table 4."""
    tables = [{(row.method, row.arm): row.figures for row in table.rows if row.figures} for table in paper_tables()]
    for rows in tables[:2]:
        assert len(rows) == 9
        for average, *landmarks in rows.values():
            known = [figure for figure in landmarks if figure is not None]
            assert len(landmarks) == 8 and abs(sum(known) / len(known) - average) < 0.0051 + 1e-9
    for method in ('FashionNet', 'FPN'):
        for arm in ('without', 'left-right'):
            assert tables[2][method, arm] == [round(tables[3][method, arm][0], 2)]


def test_a_weight_under_each_reading_of_the_paper():
    """Worked by hand, for FashionAI's beta of 2e-4: 128^2 = 16384, and four times as far is 16 times the square."""
    weights = {name: pytest.approx(2e-4 * factor) for name, (factor, _) in READINGS.items()}
    assert weights == {
        'heatmap pixels, peak 100, mean': 3.2768e-4, 'input pixels, peak 100, mean': 5.24288e-3,
        'heatmap pixels, peak 1, mean': 3.2768, 'input pixels, peak 1, mean': 52.4288,
        'heatmap pixels, peak 100, sum': 2e-8, 'input pixels, peak 100, sum': 3.2e-7,
        'heatmap pixels, peak 1, sum': 2e-4, 'input pixels, peak 1, sum': 3.2e-3}
    assert {name: alpha for name, (_, alpha) in READINGS.items()} == {
        name: pytest.approx(10. if 'peak 100' in name else 0.1) for name in READINGS}
    assert next(iter(READINGS.values()))[0] == WEIGHT_PER_BETA


@pytest.fixture
def without_runs(call, tmp_path, monkeypatch):
    """What is printed where nothing has been trained, with the real reader of configs."""
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    shown = call('tables')
    assert shown.code == 0
    return shown.out


def test_without_runs_the_paper_stands_alone(without_runs):
    rows = table(without_runs, 'Table 1')
    assert list(rows) == [
        'FashionNet without', 'FashionNet left-right', 'FashionNet tuned', 'DFA without', 'DFA tuned', 'DLAN without',
        'DLAN tuned', 'DLAN, boxes without', 'DLAN, boxes tuned', 'FGN without', 'FGN tuned', 'FPN without',
        'FPN left-right', 'FPN tuned', 'SPB without', 'SPB left-right', 'SPB tuned']
    assert list(rows['SPB tuned'].values())[2:] == ['0', '-', '-', '-', '-', '-']
    assert list(rows['SPB left-right'].values())[2:] == ['0', '-', '-', '-', '2.82', '-0.14']
    assert list(rows['DFA without'].values())[2:] == ['0', '-', '-', '-', '6.62*', '-']
    assert list(rows['DFA tuned'].values())[2:] == ['0', '-', '-', '-', '-', '-']
    by_landmark = table(without_runs, 'Table 1', 'SPB, by landmark')
    assert list(by_landmark) == list(fashion8.LANDMARKS)
    assert [list(row.values())[1:] for row in by_landmark.values()] == [
        ['2.07', '2.03'], ['2.10', '2.06'], ['3.18', '3.00'], ['3.13', '3.04'], ['4.83', '4.64'], ['4.83', '4.75'],
        ['1.75', '1.50'], ['1.77', '1.53']]
    assert list(by_landmark['left_hem'])[1:] == ['paper without', 'paper with']
    quoted = table(without_runs, 'Table 2', 'Quoted by the paper, by landmark')
    assert quoted['left_waistline'] == dict(
        landmark='left_waistline', FashionNet='8.74', DFA='-', DLAN='7.52', FGN='6.35')
    assert table(without_runs, 'Table 4')['FPN top-bottom']['paper change'] == '-0.1622'  # 3.9597 - 4.1219
    assert table(without_runs, 'Table 5')['FPN left-right']['paper change'] == '+0.7'
    for name in SWEPT:
        assert list(table(without_runs, f'Figure 8: beta, {name}')) == [
            'without PCLoss', '1e-6', '1e-5', '1e-4', '1e-3', '1e-2']
    assert 'Not counted' not in without_runs
    todo = section(without_runs, 'Still to be run')
    assert len(todo) == 2 * 52 + 3 + 1
    tools, config = (os.path.relpath(ROOT / path) for path in (
        'tools', 'configs/deepfashion/fashionnet/td-reg_fashionnet_4xb5-100k_deepfashion-512x512.py'))
    folder = f'work_dirs/{Path(config).stem}'
    assert todo[:2] == [f'bash {tools}/dist_train.sh {config} 4 --work-dir {folder}',
                        f'bash {tools}/dist_test.sh {config} {folder}/iter_100000.pth 4 --work-dir {folder}']
    coco = 'td-hm_res50-pcloss_8xb64-210e_coco-256x192'
    assert any(f'{coco}.py work_dirs/{coco}/epoch_210.pth 8 ' in line for line in todo)
    assert todo[-1] == 'python -m benchmarks integral --json work_dirs/performance.json'
    assert todo[-4:-1] == [f'python {tools}/sweep_beta.py {os.path.relpath(FILES[name])} 4 --work-dir work_dirs/{name}'
                         for name in SWEPT]
    assert [name.split('_')[-1] for name in SWEPT] == [
        'fashionai-512x512', 'deepfashion-512x512', 'fld-512x512']


def test_no_change_is_counted_from_what_the_paper_quotes(without_runs):
    """Nor is DFA's average of six landmarks taken for one of eight."""
    for number in (1, 2):
        rows = table(without_runs, f'Table {number}')
        quoted = [name for name, row in rows.items() if row['paper'].endswith('*')]
        assert quoted == ['FashionNet without', 'DFA without', 'DLAN without', 'FGN without']
        assert {rows[name]['paper change'] for name in [*quoted, 'FashionNet left-right']} == {'-'}
    rows = table(without_runs, 'Table 3')
    assert (rows['FashionNet without']['paper'], rows['FashionNet left-right']['paper change']) == ('10.17', '-0.46')
    first, second = without_runs.split('## Table ')[1:3]
    assert 'mean of six landmarks' in second and 'mean of six landmarks' not in first
    assert all('quoted by the paper' in text for text in (first, second))


def test_what_is_printed_fits_a_terminal(call, runs, tmp_path, without_runs):
    """All but paths and commands, also where every column has figures of several runs."""
    for seed in range(2):
        for arm in ('', '-pcloss', '-pcloss-tuned'):
            path = FILES[f'td-hm_res50-fpn{arm}_4xb5-100k_deepfashion-512x512']
            metrics = {'NE_macro': 10. + seed, **{f'NE/{name}': 10.25 + seed for name in fashion8.LANDMARKS}}
            runs.write(tmp_path / f'{path.stem}_{seed}', path, metrics=metrics)
    with_runs = call('tables', tmp_path).out
    assert list(table(with_runs, 'Table 1', 'FPN, by landmark')['left_hem'].values())[1:] == [
        '10.75', '2.09', '10.75', '1.90', '10.75']
    for output in (without_runs, with_runs):
        wide = [line for line in output.split('## Not counted')[0].split('## Still to be run')[0].splitlines()
                if len(line) > 80]
        assert wide == []


def test_runs_fill_their_rows(call, runs, tmp_path):
    """Two seeds of the base and one run of each arm on FashionAI; each landmark's figure and the average are means."""
    for seed, crotch, average in ((0, 6., 4.), (1, 8., 5.)):
        runs.write(tmp_path / f'seed_{seed}', SPB, metrics={'NE': 9., 'NE_macro': average, 'NE/crotch': crotch})
    runs.write(tmp_path / 'pc', SPB_PC, metrics={'NE': 9., 'NE_macro': 4.2, 'NE/crotch': 6.5, 'NE/center_front': 3.})
    runs.write(tmp_path / 'tuned', FILES[SPB_PC.stem.replace('-pcloss', '-pcloss-tuned')], metrics={'NE_macro': 4.3})
    shown = call('tables', tmp_path)
    rows = table(shown.out, 'Table 3')
    assert [list(rows[f'SPB {arm}'].values())[2:] for arm in ('without', 'left-right', 'tuned')] == [
        ['2', '4.50', '0.71', '-', '4.10', '-'], ['1', '4.20', '-', '-0.30', '3.90', '-0.20'],
        ['1', '4.30', '-', '-0.20', '-', '-']]
    by_landmark = table(shown.out, 'Table 3', 'SPB, by landmark')
    assert list(by_landmark) == list(fashionai.LANDMARKS)
    assert by_landmark['crotch'] == {'landmark': 'crotch', 'without': '7.00', 'left-right': '6.50'}
    assert by_landmark['center_front'] == {'landmark': 'center_front', 'without': '-', 'left-right': '3.00'}
    assert table(shown.out, f'Figure 8: beta, {SPB_PC.stem}')['without PCLoss']['average'] == '4.50'
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 49 + 3 + 1
    assert not any('spb/td-hm_res50' in line and 'fashionai' in line for line in todo[:-4])


def test_the_longer_schedule_has_its_own_runs(call, runs, tmp_path):
    """Of the same configs, which the two tables share; COCO has one schedule."""
    for suffix, average in (('', 4.), ('-pcloss-topbottom', 3.96), ('-pcloss', 3.9)):
        path = FILES[f'td-hm_res50-fpn{suffix}_4xb5-100k_fashionai-512x512']
        runs.write(tmp_path / path.stem, path, metrics={'NE_macro': average}, options=LONG)
    shown = call('tables', tmp_path, '--schedule', '150k')
    rows = table(shown.out, 'Table 4')
    assert [(row['NE'], row['change']) for name, row in rows.items() if name[:3] == 'FPN'] == [
        ('4.0000', '-'), ('3.9000', '-0.1000'), ('-', '-'), ('3.9600', '-0.0400')]
    assert table(shown.out, 'Table 3')['FPN left-right']['change'] == '-0.10'
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 49 + 3 + 1
    assert {'coco' in line for line in todo[:-1] if 'max_iters' not in line} == {True}
    assert all(line.count('--cfg-options train_cfg.max_iters=150000') == 1 for line in todo if '-100k_' in line)
    assert all('/iter_150000.pth 4 ' in line for line in todo if 'dist_test.sh' in line and '-100k_' in line)

    short = call('tables', tmp_path)
    assert {row['n'] for row in table(short.out, 'Table 3').values()} == {'0'}
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
    shown = call('tables', tmp_path).out
    rows = table(shown, 'Table 5')
    assert list(rows['SPB without'].values())[2:] == ['1', '70.0', '-', '-', '70.4', '-']
    assert rows['SPB left-right']['change'] == '+1.2'
    metrics = table(shown, 'Table 5', 'SPB, by metric')
    assert {name: list(row.values())[1:] for name, row in metrics.items()} == {
        'AP50': ['71.0', '72.2'], 'AP75': ['72.0', '73.2'], 'APM': ['73.0', '74.2'], 'APL': ['74.0', '75.2'],
        'AR': ['75.0', '76.2']}


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
    assert {row['n'] for number in (1, 2, 3) for row in table(shown.out, f'Table {number}').values()} == {'0'}
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
    rows = table(shown.out, f'Figure 8: beta, {SPB_PC.stem}')
    assert {beta: tuple(row.values())[1:] for beta, row in rows.items() if row['n'] == '1'} == {
        'without PCLoss': ('-', '1', '4.00', '-', '-'), '1e-6': ('1.638e-06', '1', '4.01', '-', '+0.01'),
        '3e-5': ('4.915e-05', '1', '4.30', '-', '+0.30')}
    assert list(rows) == ['without PCLoss', '1e-6', '1e-5', '3e-5', '1e-4', '1e-3', '1e-2']
    line, = section(shown.out, 'Not counted')
    assert 'beta_1e-2: trained with other settings: model.head.pc_loss.loss_weight is 0.00032768' in line
    assert table(shown.out, 'Table 3')['SPB left-right']['n'] == '0'  # a beta's run is none of the table's
    assert section(shown.out, 'Still to be run')[-4].endswith(f' 4 --work-dir {tmp_path}/{SPB_PC.stem}')


def test_the_time_of_the_loss_stands_beside_the_papers(call, tmp_path):
    title = 'Section 4.5: time of PCLoss for 20 images of FashionAI'
    assert [list(row.values()) for row in table(call('tables', tmp_path).out, title).values()] == [
        ['paper', 'one GPU of its time, unnamed', '2.433'],
        ['ours', 'not measured yet', '-']]
    rows = [dict(benchmark='integral', scale=1, name='plain', ours=0.00025),
            dict(benchmark='integral', scale=4, name='plain', ours=1.), dict(benchmark='loss', scale=1, name='loss')]
    for machine, name in (dict(cpu='X'), 'X'), (dict(cpu='X', gpu='NVIDIA Q'), 'NVIDIA Q'):
        (tmp_path / 'performance.json').write_text(json.dumps(dict(machine=machine, rows=rows)))
        assert [list(row.values()) for row in table(call('tables', tmp_path).out, title).values()][1:] == [
            ['ours, plain', name, '0.250']]
    assert 'python -m benchmarks' not in call('tables', tmp_path).out
    for broken in ('', '[]', '{"machine": "a"}', '{"machine": {"cpu": "X"}, "rows": [{"benchmark": "integral"}]}'):
        (tmp_path / 'performance.json').write_text(broken)
        shown = call('tables', tmp_path)
        assert (shown.code, shown.out) == (2, '')
        assert 'performance.json: not a result of python -m benchmarks integral --json' in shown.err
        assert shown.err.count('\n') == 1


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
    tables = [{row.config for row in each.rows} for each in paper_tables()]
    for table_number, pattern in zip((1, 2, 3, 5), globs):
        found = {path.stem for path in ROOT.glob(pattern)}
        assert found == tables[table_number - 1] | (tables[3] if table_number == 3 else set())
