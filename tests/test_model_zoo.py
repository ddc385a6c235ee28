"""The READMEs and metafiles name every config and nothing else, and their figures are the measured ones."""

import re
import statistics
from pathlib import Path

import pytest
import yaml

from pcloss_mmpose.configs import list_configs, load_config
from reproduce.paper import paper_tables

ROOT = Path(__file__).resolve().parents[1]
LEAVES = list_configs()
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())
MODELS = {
    model['Config']: model
    for file in INDEX['Import'] for model in yaml.safe_load((ROOT / file).read_text())['Models']
}


def tables(text):
    """The tables of a page: each a list of rows, which are dicts by the table's headings."""
    for block in re.findall(r'(?:^\|.*\n?)+', text, re.MULTILINE):
        header, _, *rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in block.splitlines()]
        yield [dict(zip(header, row)) for row in rows]


def data_set(path):
    """The folder of a config's data set, which has a README and a metafile."""
    return ROOT / 'configs' / path.relative_to(ROOT / 'configs').parts[0]


def readme_row(path):
    """What the README says about a config."""
    folder = data_set(path)
    link = f'[{path.stem}]({path.relative_to(folder)})'
    row, = (row for table in tables((folder / 'README.md').read_text()) for row in table if row.get('config') == link)
    return row


def test_every_metafile_is_imported_and_every_config_listed():
    assert sorted(INDEX['Import']) == sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('metafile.yml'))
    assert sorted(MODELS) == sorted(str(path.relative_to(ROOT)) for path in LEAVES)
    for folder in set(map(data_set, LEAVES)):
        named = re.findall(r'\]\((\S+\.py)\)', (folder / 'README.md').read_text())
        assert sorted(named) == sorted(str(path.relative_to(folder)) for path in LEAVES if data_set(path) == folder)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_what_is_said_of_a_config_is_true(path):
    model = MODELS[str(path.relative_to(ROOT))]
    assert model in yaml.safe_load((data_set(path) / 'metafile.yml').read_text())['Models']
    assert model['Name'] == path.stem
    assert model['In Collection'] in {collection['Name'] for collection in INDEX['Collections']}
    config = load_config(path, custom_imports=False)
    length = config.train_cfg.get('max_iters', config.train_cfg.get('max_epochs'))
    assert model['Metadata'].get('Iterations', model['Metadata'].get('Epochs')) == length
    loss = config.model.get('head', {}).get('pc_loss')  # a detector has another head
    assert ('PCLoss' in model['Metadata']['Architecture']) == bool(loss)
    groups = {'left_right': 'left and right', 'top_bottom': 'top and bottom', None: 'one group'}
    if 'head' not in config.model:
        return
    tuned = ', tuned' * ('-pcloss-tuned_' in path.name)
    assert readme_row(path)['loss'] == (f'with PCLoss, {groups[loss.partition]}{tuned}' if loss else 'without PCLoss')


def test_the_papers_figures_in_the_readmes_are_those_of_its_tables():
    """The ablation gives FashionNet's and FPN's with more digits."""
    paper = {row.config: f'{row.figures[0]:.{table.digits}f}' + '*' * row.quoted
             for table in paper_tables() for row in table.rows if row.figures}
    shown = {path.stem: next((value for name, value in readme_row(path).items() if name.startswith("paper's ")), None)
             for path in LEAVES if 'rtmdet' not in path.stem}
    assert {name: figure for name, figure in shown.items() if figure} == {
        name: figure for name, figure in paper.items() if name}


def test_a_result_is_the_one_that_was_measured():
    """By value: that of its own column in the page that has the command and every seed."""
    page = (ROOT / 'docs/your_garments.md').read_text()
    seeds, = (table for table in tables(page) if 'seed' in table[0])
    results = {path: MODELS[str(path.relative_to(ROOT))]['Results'] for path in LEAVES
               if 'Results' in MODELS[str(path.relative_to(ROOT))]}
    assert {path.stem for path in results} == {
        f'td-hm_efflite0{arm}_1xb12-600_deepfashion-160x160' for arm in ('', '-pcloss')}
    for path, (result, ) in results.items():
        arm = 'with PCLoss' if '-pcloss' in path.name else 'without PCLoss'
        mean, = (float(row[arm]) for row in seeds if row['seed'] == 'mean')
        assert mean == round(statistics.mean(float(row[arm]) for row in seeds if row['seed'].isdigit()), 2)
        assert result['Metrics'] == {'NE': mean}
        figure, = (value for name, value in readme_row(path).items() if name.startswith('NE on 20 photographs'))
        assert float(figure) == mean
