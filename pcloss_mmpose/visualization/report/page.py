"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Sequence

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...errors import BrokenImageError
from ...images import read_image
from . import charts
from .results import RunResults

SIDE = 256  # of an image in the page, pixels
MARGIN = 0.15  # around the garment's box, of its sides

#: T, in words, by the name of the norm.
NORM_WORDS = {
    'box': "the sides of the garment's box: x by its width, y by its height",
    'box_width': "the width of the garment's box",
    'keypoint_pair': 'the distance of two landmarks of the garment',
}


def report_page(runs: Sequence[RunResults], title: str, progress=lambda done: None) -> tuple[str, list[str]]:
    """The page, and the files that could not be read, which it shows as grey areas.

    Args:
        runs: Tested on the same images and measured alike (:func:`~.results.check_same_images`); the others are
            compared with the first.
        title: Of the page.
        progress: Called with the number of images that are done.
    """
    environment = Environment(
        loader=FileSystemLoader(str(Path(__file__).parent)), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True)
    environment.filters['percent'] = percent
    first = runs[0]
    images, broken = [], []
    for index in range(len(first.paths)):
        images.append(image_entry(runs, index, broken))
        progress(index + 1)
    data = dict(
        runs=[dict(name=run.name, color=charts.color(index)) for index, run in enumerate(runs)],
        landmarks=first.measured.landmarks, categories=sorted(set(first.measured.categories)),
        outlier=first.options['threshold'], images=images)
    page = environment.get_template('page.html').render(
        title=title, runs=data['runs'], tables=tables(runs), landmarks=data['landmarks'],
        categories=data['categories'], count=len(images), options=first.options, sides=bool(first.measured.sides),
        norm=NORM_WORDS[first.options['norm']], curve=Markup(charts.error_curve(runs)),
        bars=Markup(charts.landmark_errors(runs)), data=script_safe(data), css=Markup(read('page.css')),
        script=Markup(read('page.js')))
    return page, broken


def percent(fraction: float) -> str:
    return f'{100 * fraction:g} %'


def read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding='utf-8')


def script_safe(data: dict) -> Markup:
    """JSON that can stand inside <script>: no name in it can end the element."""
    text = json.dumps(data, separators=(',', ':'), allow_nan=False)
    return Markup(text.replace('<', '\\u003c').replace('>', '\\u003e').replace('&', '\\u0026'))


def tables(runs: Sequence[RunResults]) -> list[dict]:
    """The page's tables: title, and rows of a label and each run's figure in percent, None where it has none."""
    metrics, measured = [run.metrics for run in runs], runs[0].measured
    categories = sorted(set(measured.categories))
    every = list(dict.fromkeys(key for each in metrics for key in each))
    duplicates, exchanged = (
        sorted((key for key in every if key.startswith(f'{kind}/') and '+' in key),
               key=lambda key: -max(each.get(key, 0) for each in metrics))[:12] for kind in ('duplicates', 'exchanged'))
    failures = {
        f"landmarks more than {percent(runs[0].options['threshold'])} off": 'outliers',
        'images with such a landmark': 'outlier_images',
        'pairs found on one spot': 'duplicates',
        'images with such a pair': 'duplicate_images',
        'pairs of left and right exchanged': 'exchanged',
        'images with exchanged sides': 'exchanged_images',
    }
    content = {
        'Normalised error, % of T': {
            'all landmarks': 'NE', 'mean of the landmarks': 'NE_macro', **{name: f'NE/{name}' for name in categories}},
        'What goes wrong, %': {**failures, **{f'outliers, {name}': f'outliers/{name}' for name in categories}},
        'Pairs found on one spot, %': pair_rows(duplicates),
        'Pairs of left and right exchanged, %': pair_rows(exchanged),
        'Normalised error by landmark, % of T': {name: f'NE/{name}' for name in measured.landmarks},
    }
    # A pair with which nothing went wrong in a run is missing from its figures.
    missing = dict.fromkeys((*duplicates, *exchanged), 0.)
    filled = [dict(title=title, rows=[
        (label, [each.get(key, missing.get(key)) for each in metrics]) for label, key in rows.items()
        if any(key in each for each in metrics)]) for title, rows in content.items()]
    return [table for table in filled if table['rows']]


def pair_rows(keys: Sequence[str]) -> dict[str, str]:
    return {key.partition('/')[2].replace('+', ' + '): key for key in keys}


def image_entry(runs: Sequence[RunResults], index: int, broken: list[str]) -> dict:
    """One image for the page's script: itself, cut around the garment, and the landmarks in its pixels."""
    path, first = runs[0].paths[index], runs[0].measured
    box = first.boxes[index]
    try:
        image = read_image(path)
    except BrokenImageError:
        broken.append(path)
        image = np.full((max(1, int(box[3])), max(1, int(box[2])), 3), 128, np.uint8)
    left, top, right, bottom = cut(box, image.shape)
    part = image[top:bottom, left:right]
    zoom = min(1., SIDE / max(part.shape[:2]))
    size = max(1, round(part.shape[1] * zoom)), max(1, round(part.shape[0] * zoom))
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    jpeg = base64.b64encode(cv2.imencode('.jpg', part, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]).decode()

    def shown(points: np.ndarray) -> list[list[float]]:
        return np.round((points - (left, top)) * zoom, 1).tolist()

    pairs = np.stack(np.triu_indices(len(first.landmarks), 1), axis=1)
    return dict(
        name=path,
        category=first.categories[index],
        size=size,
        jpeg=jpeg,
        visibility=first.visibility[index].astype(int).tolist(),
        truth=shown(first.truth[index]),
        found=[shown(run.measured.pred[index]) for run in runs],
        error=[[None if np.isnan(value) else round(float(value), 4) for value in run.measured.errors[index]]
               for run in runs],
        pairs=[pairs[run.measured.duplicates[index] == 1].tolist() for run in runs],
        exchanged=[[pair for pair, found in zip(run.measured.sides, run.measured.exchanged[index]) if found == 1]
                   for run in runs])


def cut(box: np.ndarray, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box with a margin, inside an image of a shape (H, W, ...)."""
    x1, y1, x2, y2 = np.asarray(box, dtype=float)
    margin_x, margin_y = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    left, top = max(0, int(x1 - margin_x)), max(0, int(y1 - margin_y))
    right, bottom = min(shape[1], int(np.ceil(x2 + margin_x))), min(shape[0], int(np.ceil(y2 + margin_y)))
    if right - left < 2 or bottom - top < 2:  # a box outside the image
        return 0, 0, shape[1], shape[0]
    return left, top, right, bottom
