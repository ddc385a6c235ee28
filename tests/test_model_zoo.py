"""README.md, metafile.yml and model-index.yml tell of every config, and of nothing else."""

from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
LEAVES = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts)
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())
MODELS = {
    model['Config']: model
    for file in INDEX['Import'] for model in yaml.safe_load((ROOT / file).read_text())['Models']
}


def test_every_metafile_is_imported_and_every_config_listed():
    assert sorted(INDEX['Import']) == sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('metafile.yml'))
    assert sorted(MODELS) == [str(path.relative_to(ROOT)) for path in LEAVES]


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_what_is_said_of_a_config_is_true(path):
    model = MODELS[str(path.relative_to(ROOT))]
    listed = yaml.safe_load((path.parent / 'metafile.yml').read_text())['Models']
    assert model in listed  # in its own folder's file
    assert model['Name'] == path.stem
    assert model['In Collection'] in {collection['Name'] for collection in INDEX['Collections']}
    config = Config.fromfile(path, import_custom_modules=False)
    length = config.train_cfg.get('max_iters', config.train_cfg.get('max_epochs'))
    assert model['Metadata'].get('Iterations', model['Metadata'].get('Epochs')) == length
    assert ('PCLoss' in model['Metadata']['Architecture']) == ('pc_loss' in config.model.head)
    assert f'[{path.stem}]({path.name})' in (path.parent / 'README.md').read_text()


def test_a_result_is_one_that_was_measured():
    """Each stands in a page that has its command."""
    page = (ROOT / 'docs/real_photographs.md').read_text()
    results = [(model['Name'], result) for model in MODELS.values() for result in model.get('Results', ())]
    assert results
    for name, result in results:
        assert 'efflite0' in name and '160x160' in name and 'pcloss train' in page
        assert f"{result['Metrics']['NE']}" in page.split('| mean |')[1].splitlines()[0]
