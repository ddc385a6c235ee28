from pathlib import Path

import paper_tables
import pytest
from paper_rows import ABLATION, CONFIGS, FASHION_8, FASHION_24, PAPER, all_configs, leaf
from sweep_beta import WEIGHT, with_beta
from work_dirs import load_config

from pcloss_mmpose.metainfo import deepfashion_attribute, fashionai, fld

SPB = leaf('fashionai', 'SPB', '', '100k')
SPB_PC = leaf('fashionai', 'SPB', '-pcloss', '100k')


def table(output, title):
    """The rows of one table of the output, by the first cell: the cells by their heading."""
    _, _, rest = output.partition(f'## {title}')
    lines = [line for line in rest.split('\n## ')[0].splitlines() if line.startswith('|')]
    header, _, *rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    return {row[0]: dict(zip(header, row)) for row in rows}


def section(output, title):
    _, _, rest = output.partition(f'## {title}\n')
    return [line.strip(' -') for line in rest.split('\n## ')[0].splitlines() if line.strip()]


@pytest.mark.parametrize('schedule', ['100k', '150k'])
def test_every_row_has_its_config(schedule):
    configs = all_configs(schedule)
    assert len(configs) == 6 + 6 + 9 + 4
    for path in configs:
        config = load_config(path)
        loop = config['train_cfg']
        assert loop.get('max_epochs') == 210 if 'coco' in path.stem else loop['max_iters'] == 1000 * int(schedule[:-1])
        assert ('pc_loss' in config['model']['head']) == ('-pcloss' in path.stem)


def test_the_partitions_of_the_ablation_are_those_of_the_configs():
    partitions = {suffix: load_config(leaf('fashionai', 'FPN', suffix, '100k'))['model']['head']['pc_loss']['partition']
                  for suffix in ABLATION['FPN'] if suffix}
    assert partitions == {'-pcloss-whole': None, '-pcloss-topbottom': 'top_bottom', '-pcloss': 'left_right'}


def test_the_landmarks_are_those_of_the_data_sets():
    for landmarks, dataset in ((FASHION_8, deepfashion_attribute), (FASHION_8, fld), (FASHION_24, fashionai)):
        assert landmarks == tuple(entry['name'] for entry in dataset.dataset_info['keypoint_info'].values())


def test_the_ablation_agrees_with_the_table_of_its_data_set():
    """The paper rounds the figures of Table 4 in Table 3."""
    for method, figures in ABLATION.items():
        assert PAPER['fashionai'][method] == (round(figures[''], 2), round(figures['-pcloss'], 2))


def test_without_runs_the_paper_stands_alone(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = call(paper_tables)
    assert shown.code == 0
    rows = table(shown.out, 'Table 1')
    assert list(rows) == ['FashionNet', 'DFA (quoted)', 'DLAN (quoted)', 'FGN (quoted)', 'FPN', 'SPB',
                          'FashionNet + PCLoss', 'FPN + PCLoss', 'SPB + PCLoss']
    assert list(rows['SPB']) == ['method', 'n', *FASHION_8, 'average', 'delta', 'paper', 'paper delta']
    assert set(list(rows['SPB'].values())[2:-2]) == {'-'}
    assert [rows[name]['n'] for name in ('DFA (quoted)', 'SPB')] == ['-', '0']
    assert [rows[name]['paper'] for name in ('DFA (quoted)', 'SPB', 'SPB + PCLoss')] == ['6.62', '2.96', '2.82']
    assert [rows[name]['paper delta'] for name in ('SPB', 'SPB + PCLoss')] == ['-', '-0.14']
    assert table(shown.out, 'Table 4')['FPN + PCLoss, top-bottom']['paper delta'] == '-0.1622'  # 3.9597 - 4.1219
    assert table(shown.out, 'Table 5')['FPN + PCLoss']['paper delta'] == '+0.7'
    assert list(table(shown.out, 'Figure 8')) == ['without PCLoss', '1e-6', '1e-5', '1e-4', '1e-3', '1e-2']
    assert 'A dash is a figure that is missing' in shown.out and 'Not counted' not in shown.out
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 25 + 1
    name = 'deepfashion/fashionnet/td-reg_fashionnet_4xb5-100k_deepfashion-512x512'
    assert todo[:2] == [
        f'tools/dist_train.sh configs/{name}.py 4',
        f"tools/dist_test.sh configs/{name}.py work_dirs/{name.split('/')[-1]}/iter_100000.pth 4"]
    coco = 'td-hm_res50-pcloss_8xb64-210e_coco-256x192'
    assert f'tools/dist_test.sh configs/coco/spb/{coco}.py work_dirs/{coco}/epoch_210.pth 8' in todo
    assert todo[-1] == f'python tools/sweep_beta.py configs/{SPB_PC.relative_to(CONFIGS).as_posix()} 4'


def test_runs_fill_their_rows(call, runs, tmp_path):
    """Two seeds of the base and one run with PCLoss on FashionAI; each landmark's column and the average are means."""
    for seed, crotch, average in ((0, 6., 4.), (1, 8., 5.)):
        runs.write(tmp_path / f'seed_{seed}', SPB, metrics={'NE': 9., 'NE_macro': average, 'NE/crotch': crotch})
    runs.write(tmp_path / 'pc', SPB_PC, metrics={'NE': 9., 'NE_macro': 4.2, 'NE/crotch': 6.5, 'NE/center_front': 3.})
    shown = call(paper_tables, tmp_path)
    rows = table(shown.out, 'Table 3')
    base = {name: rows['SPB'][name] for name in ('n', 'crotch', 'center_front', 'average', 'delta', 'paper')}
    assert base == dict(n='2', crotch='7.00', center_front='-', average='4.50 ± 0.71', delta='-', paper='4.10')
    ours = {name: rows['SPB + PCLoss'][name] for name in ('n', 'crotch', 'center_front', 'average', 'delta', 'paper')}
    assert ours == dict(n='1', crotch='6.50', center_front='3.00', average='4.20', delta='-0.30', paper='3.90')
    assert rows['SPB + PCLoss']['paper delta'] == '-0.20'
    assert table(shown.out, 'Figure 8')['without PCLoss']['average'] == '4.50 ± 0.71'
    todo = section(shown.out, 'Still to be run')
    assert len(todo) == 2 * 23 + 1 and not any('spb/td-hm_res50' in line and 'fashionai' in line for line in todo[:-1])


def test_the_ablation_shares_the_runs_of_the_table(call, runs, tmp_path):
    for suffix, average in (('', 4.), ('-pcloss-topbottom', 3.96), ('-pcloss', 3.9)):
        path = leaf('fashionai', 'FPN', suffix, '150k')
        runs.write(tmp_path / path.stem, path, metrics={'NE_macro': average})
    shown = call(paper_tables, tmp_path, '--schedule', '150k')
    rows = table(shown.out, 'Table 4')
    assert [(row['average'], row['delta']) for name, row in rows.items() if name.startswith('FPN')] == [
        ('4.0000', '-'), ('-', '-'), ('3.9600', '-0.0400'), ('3.9000', '-0.1000')]
    assert table(shown.out, 'Table 3')['FPN + PCLoss']['delta'] == '-0.10'
    of_100k = table(call(paper_tables, tmp_path).out, 'Table 3')
    assert {row['n'] for row in of_100k.values()} == {'0'}


def test_coco_is_in_percent(call, runs, tmp_path):
    names = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')
    for suffix, first in (('', 0.70), ('-pcloss', 0.712)):
        path = leaf('coco', 'SPB', suffix, '100k')
        metrics = {f'coco/{name}': first + index / 100 for index, name in enumerate(names)}
        runs.write(tmp_path / path.stem, path, metrics=metrics, processes=8)
    rows = table(call(paper_tables, tmp_path).out, 'Table 5')
    assert list(rows['SPB'].values()) == ['SPB', '1', '70.0', '71.0', '72.0', '73.0', '74.0', '75.0', '-', '70.4', '-']
    assert rows['SPB + PCLoss']['delta'] == '+1.2'


def test_what_does_not_count_is_told_and_its_commands_are_listed(call, runs, tmp_path, monkeypatch):
    """A training that is short on purpose, one that was interrupted, one that is not tested, and a broken result."""
    monkeypatch.chdir(tmp_path)
    short, interrupted, untested = (leaf('deepfashion', method, '', '100k') for method in ('FashionNet', 'FPN', 'SPB'))
    broken = leaf('fld', 'SPB', '', '100k')
    root = Path('work_dirs')
    runs.write(root / short.stem, short, options={'train_cfg.max_iters': 100}, metrics={'NE_macro': 1.})
    runs.write(root / interrupted.stem, interrupted, checkpoint='iter_5000.pth', metrics={'NE_macro': 1.})
    runs.write(root / 'other name', untested)
    runs.write(root / broken.stem, broken, metrics='{"NE_macro": 2')
    alone = runs.write(root / SPB.stem, SPB, metrics={'NE_macro': 1.}, tested='/gone/iter_100000.pth')
    (alone / 'last_checkpoint').unlink()  # what is left is a test
    (alone / '20260101_000000' / 'vis_data' / 'scalars.json').unlink()

    shown = call(paper_tables)
    assert shown.code == 0
    assert {row['n'] for number in (1, 2, 3) for row in table(shown.out, f'Table {number}').values()} == {'0', '-'}
    lines = {line.split(': ')[0]: line.split(': ', 1)[1] for line in section(shown.out, 'Not counted')}
    assert lines == {
        f'work_dirs/{short.stem}': 'trained with other settings: train_cfg.max_iters is 100 instead of 100000',
        f'work_dirs/{interrupted.stem}': 'training ended at iter_5000.pth, before iter_100000.pth',
        'work_dirs/other name': 'not tested yet',
        f'work_dirs/{broken.stem}': lines[f'work_dirs/{broken.stem}'],
        f'work_dirs/{SPB.stem}/20260102_000000/20260102_000000.json':
            'tests /gone/iter_100000.pth, whose training is in none of these folders'}
    assert lines[f'work_dirs/{broken.stem}'].startswith(
        f'work_dirs/{broken.stem}/20260102_000000/20260102_000000.json: broken or half-written JSON')
    todo = section(shown.out, 'Still to be run')
    by_config = {path: [line for line in todo if f'/{path.name}' in line] for path in (interrupted, untested, broken)}
    name = f'configs/deepfashion/fpn/{interrupted.name}'
    assert by_config[interrupted] == [
        f'tools/dist_train.sh {name} 4 --resume',
        f'tools/dist_test.sh {name} work_dirs/{interrupted.stem}/iter_100000.pth 4']
    assert all(f'work_dirs/{short.stem}_2' in line for line in todo if f'/{short.name}' in line)  # nothing is lost
    name = f'configs/deepfashion/spb/{untested.name}'
    assert by_config[untested] == [
        f"tools/dist_test.sh {name} 'work_dirs/other name/iter_100000.pth' 4 --work-dir 'work_dirs/other name'"]
    assert [line.split()[0] for line in by_config[broken]] == ['tools/dist_test.sh']


def test_a_sweep_fills_figure_8(call, runs, tmp_path):
    config = load_config(SPB_PC)
    for beta in (1e-6, 3e-5):
        weight = {WEIGHT: with_beta(config, beta)['model']['head']['pc_loss']['loss_weight']}
        runs.write(tmp_path / SPB_PC.stem / f'beta_{beta:.0e}'.replace('-0', '-'), SPB_PC, options=weight,
                   test_options=weight, metrics={'NE_macro': 4 + 1e4 * beta})
    runs.write(tmp_path / SPB_PC.stem / 'beta_1e-2', SPB_PC, metrics={'NE_macro': 1.})  # with the config's own weight
    runs.write(tmp_path / 'base', SPB, metrics={'NE_macro': 4.})
    shown = call(paper_tables, tmp_path)
    rows = table(shown.out, f'Figure 8: average over beta, {SPB_PC.stem}')
    assert {beta: (row['average'], row['delta']) for beta, row in rows.items() if row['n'] == '1'} == {
        'without PCLoss': ('4.00', '-'), '1e-6': ('4.01', '+0.01'), '3e-5': ('4.30', '+0.30')}
    assert list(rows) == ['without PCLoss', '1e-6', '1e-5', '3e-5', '1e-4', '1e-3', '1e-2']
    line, = section(shown.out, 'Not counted')
    assert 'beta_1e-2: trained with other settings: model.head.pc_loss.loss_weight is 0.00032768' in line
    assert table(shown.out, 'Table 3')['SPB + PCLoss']['n'] == '0'  # a beta's run is none of the table's
    assert section(shown.out, 'Still to be run')[-1].endswith(f' 4 --work-dir {tmp_path}/{SPB_PC.stem}')


def test_a_missing_folder_is_named(call, tmp_path):
    shown = call(paper_tables, tmp_path / 'gone')
    assert shown.code == 2 and shown.err.endswith(f'{tmp_path}/gone: no such folder\n')


def test_the_page_has_the_command_of_every_row_and_what_is_printed(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (CONFIGS.parent / 'docs' / 'reproduce.md').read_text()
    printed = call(paper_tables).out
    commands = [line.strip() for line in page.splitlines() if line.startswith('    tools/dist_train.sh configs/')]
    assert commands == [line for line in section(printed, 'Still to be run') if 'dist_train' in line]
    sample = page.split('```\n')[1]
    assert sample.startswith('## Table 5') and sample in printed
