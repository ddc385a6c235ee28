"""The page of a model that is shared: README.md with the front matter that model hubs read."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

from ..errors import FileFormatError, InputError


class Card(NamedTuple):
    """What a model's page says. Nothing is said of what is None or empty."""

    name: str  #: of the model
    dataset: str | None  #: name of the data that it was trained and measured on, as the user gives it
    landmarks: Sequence[str]  #: their names
    categories: Mapping[str, Sequence[str]]  #: names of the landmarks of each, as far as they are known
    license: str | None  #: as the user gives it
    metrics: Mapping[str, float]  #: figures by name, as `pcloss test` wrote them
    training: Mapping[str, Any]  #: what the checkpoint's meta says of the training
    files: Mapping[str, str]  #: each file of the folder, and what it is
    picture: str | None  #: name of the image
    weights_hash: str  #: SHA-256 of the weights' file


def read_metrics(path: Path) -> dict[str, float]:
    """The figures that ``pcloss test --out`` wrote; those that are no numbers (NaN) are left out.

    Raises:
        FileFormatError: The file holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise FileFormatError.at(str(path), f'no JSON ({error})', 'pcloss test --out writes it.') from None
    if not isinstance(content, dict) or not content or not all(
            type(value) in (int, float) for value in content.values()):
        raise FileFormatError.at(str(path), 'no figures by name', 'pcloss test --out writes them.')
    return {name: value for name, value in content.items() if math.isfinite(value)}


def check_license(text: str) -> str:
    """The text, if it can be the identifier of a license.

    Raises:
        InputError: It cannot.
    """
    if not re.fullmatch(r'[a-z0-9][a-z0-9.+-]*', text):
        raise InputError(f"'{text}' is no identifier of a license, such as apache-2.0, cc-by-nc-4.0 or other")
    return text


def readme(card: Card) -> str:
    """The text of the page."""
    import yaml
    return '\n'.join([
        '---', yaml.safe_dump(front_matter(card), sort_keys=False, allow_unicode=True).rstrip(), '---', '',
        *_body(card), ''])


def front_matter(card: Card) -> dict[str, Any]:
    """What a hub reads of the page, as https://huggingface.co/docs/hub/model-cards has it."""
    matter: dict[str, Any] = dict(pipeline_tag='keypoint-detection', library_name='mmpose')
    if card.license:
        matter['license'] = card.license
    matter['tags'] = ['mmpose', 'pcloss-mmpose']
    if card.dataset:
        matter['datasets'] = [card.dataset]
    overall = {name: value for name, value in card.metrics.items() if '/' not in name and name != 'NE_skipped'}
    if overall and card.dataset:
        matter['metrics'] = list(overall)
        matter['model-index'] = [dict(name=card.name, results=[dict(
            task=dict(type='keypoint-detection'), dataset=dict(name=card.dataset, type=card.dataset),
            metrics=[dict(type=name, name=name, value=value) for name, value in overall.items()])])]
    return matter


def _body(card: Card) -> list[str]:
    lines = [f'# {card.name}', '', *_landmarks(card), '']
    if card.picture:
        lines += [f'![An image with the landmarks that the model finds]({card.picture})', '']
    lines += ['## Use', '', 'With MMPose 1.3 and pcloss-mmpose:', '', '    pcloss predict FOLDER photos/ -o out', '',
              'FOLDER is this folder, or `hf-hub:OWNER/NAME` if it is on the hub. In Python, after `import '
              'pcloss_mmpose`, `mmpose.apis.init_model(\'config.py\', \'model.safetensors\')` loads it.', '',
              '## Files', '', *_table(card.files), '']
    if card.metrics:
        lines += ['## Figures', '', 'As `pcloss test` measured them'
                  + (', NE and what begins with it in percent, lower is better.' if 'NE' in card.metrics else '.'), '',
                  *_table({name: f'{value:.6g}' for name, value in card.metrics.items()}), '']
    training = {key: str(value) for key, value in card.training.items()}
    data = {'data': card.dataset} if card.dataset else {}
    lines += ['## Training', '', *_table({**data, **training, 'SHA-256 of model.safetensors': card.weights_hash}), '']
    if not card.license:
        lines += ['## License', '', 'None was given: ask the author before you use the model.', '']
    return lines


def _landmarks(card: Card) -> list[str]:
    count = len(card.landmarks)
    if len(card.categories) < 2 or set(card.landmarks) - set().union(*card.categories.values()):
        return [f'Finds {count} landmarks: {", ".join(card.landmarks)}.']
    return [f'Finds {count} landmarks, of which a garment has those of its category:', '',
            *_table({category: ', '.join(own) for category, own in card.categories.items()})]


def _table(rows: Mapping[str, str]) -> list[str]:
    return ['| | |', '|---|---|', *(f'| {name} | {text} |' for name, text in rows.items())]
