"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import json
import math
import re
from pathlib import Path
from typing import Iterator, Sequence
from urllib.parse import urlencode

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...errors import BrokenImageError
from ...images import read_image
from ...paired import Change
from . import charts
from .far import far_limits
from .results import RunResults
from .summary import figure_text, images_text, summary, summary_sentence

#: Pixels of an image's longer side in the page, at most and at least; between, PIXELS are shared by all images, which
#: makes about 25 MB of them.
LARGEST_SIDE, SMALLEST_SIDE, PIXELS = 480, 128, 125e6
MARGIN = 0.15  # around the garment's box, of its sides

#: T, in words, by the name of the norm.
NORM_WORDS = {
    'box': "the sides of the garment's box: x by its width, y by its height",
    'box_width': "the width of the garment's box",
    'keypoint_pair': 'the distance of two landmarks of the garment',
}

#: Of the first screen.
TITLES = {'NE': 'Normalised error (NE)', 'outliers': 'Outliers', 'duplicates': 'Duplicates'}
#: The table whose rows choose a landmark.
LANDMARK_TABLE = 'Normalised error by landmark, % of T'


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
    environment.filters.update(percent=percent, figure=figure_text)
    environment.globals.update(titles=TITLES, landmark_table=LANDMARK_TABLE, place=place, half_words=half_words,
                               interval_words=interval_words, moved_queries=moved_queries, images=images_text)
    first = runs[0]
    names = names_in_folder(first.paths)
    images, pictures, broken = [], [], []
    for index, name in enumerate(names):
        entry, picture = image_entry(runs, index, broken)
        images.append(dict(name=name, **entry))
        pictures.append(picture)
        progress(index + 1)
    limits, far = far_limits(runs[-1].measured.errors, first.options['threshold'])
    data = dict(
        runs=[dict(name=run.name, color=charts.color(index)) for index, run in enumerate(runs)],
        landmarks=first.measured.landmarks, links=first.links, far=f'{far:g}', images=images)
    categories = sorted(set(first.measured.categories))
    page = environment.get_template('page.html').render(
        title=title, sentence=summary_sentence(runs), views=list(views(runs)), runs=data['runs'],
        landmarks=data['landmarks'], categories=categories, limits=limits, broken=len(broken), options=first.options,
        sides=bool(first.measured.sides), links=bool(first.links), norm=NORM_WORDS[first.options['norm']],
        data=script_safe(data), pictures=pictures, css=Markup(read('page.css')), script=Markup(read('page.js')))
    return page, broken


def views(runs: Sequence[RunResults]) -> Iterator[dict]:
    """What the page shows of all images, and of each category in which anything counts if there are several."""
    measured = runs[0].measured
    categories = sorted(set(measured.categories))
    counted = [name for name in categories if measured.counted[measured.categories == name].any()]
    for category in ('', *(counted if len(categories) > 1 else ())):
        own = [run.of_category(category) for run in runs] if category else runs
        figures = summary(own)
        ends = [abs(end) for figure in figures for change in figure.changes for end in change.interval]
        yield dict(
            category=category, count=len(own[0].paths), figures=figures, tables=tables(own),
            curve=Markup(charts.error_curve(own)),
            reach=min(100., 1.1 * max((end for end in ends if end == end), default=0.)) or 1.)  # of the intervals' axis


def place(change: float, reach: float) -> float:
    """Where a change stands on an axis from minus to plus ``reach``, in percent of the axis."""
    return round(50 + 50 * min(1., max(-1., change / reach)), 1)


def moved_queries(figure: str, run: int, category: str, threshold: float) -> list[str]:
    """What the page's address asks for to show the images that got better, and those that got worse."""
    kinds = {'NE': ('lower', 'higher'), 'outliers': ('far-gone', 'far-new'),
             'duplicates': ('duplicate-gone', 'duplicate-new')}[figure]
    orders = ('better', 'worse') if figure == 'NE' else ('worst', 'worst')
    return [urlencode(dict(category=category, landmark='', run=run, far=f'{threshold:g}', show=kind, order=order))
            for kind, order in zip(kinds, orders)]


def interval_words(change: Change) -> str:
    """A change's interval, and whether the images rule out chance."""
    if math.isnan(change.percent):
        return 'no change in percent: there was none before'
    if math.isnan(change.half):
        return 'no interval: one image'
    low, high = change.interval
    chance = '' if change.is_shown else ': may be chance' if change.base != change.ours else ': no change'
    return f'95 % interval {max(low, -100):+.1f} to {high:+.1f} %{chance}'


def half_words(value: float, half: float) -> str:
    """The interval of one run's figure."""
    if math.isnan(half):
        return 'no interval: one image'
    return f'95 % interval {figure_text(max(0, value - half))} to {figure_text(value + half)}'


def names_in_folder(paths: Sequence[str]) -> list[str]:
    """The files' paths below the folder that all of them are in: a page that is passed on tells no more."""
    parts = [re.split(r'[/\\]', path) for path in paths]
    folders = [each[:-1] for each in parts]
    shared = 0
    while all(len(each) > shared and each[shared] == folders[0][shared] for each in folders):
        shared += 1
    return ['/'.join(each[shared:]) for each in parts]


def percent(fraction: float) -> str:
    return f'{100 * fraction:g} %'


def read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding='utf-8')


def script_safe(data: dict) -> Markup:
    """JSON that can stand inside <script>: no name in it can end the element."""
    text = json.dumps(data, separators=(',', ':'), allow_nan=False)
    return Markup(text.replace('<', '\\u003c').replace('>', '\\u003e').replace('&', '\\u0026'))


def tables(runs: Sequence[RunResults]) -> dict[str, dict]:
    """The page's tables by their titles: a label and each run's figure in percent, None where a run has none."""
    metrics, measured = [run.metrics for run in runs], runs[0].measured
    categories = sorted(set(measured.categories))
    own = categories if len(categories) > 1 else []
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
            'all landmarks': 'NE', 'mean of the landmarks': 'NE_macro', **{name: f'NE/{name}' for name in own}},
        'What goes wrong, %': {**failures, **{f'outliers, {name}': f'outliers/{name}' for name in own}},
        LANDMARK_TABLE: {name: f'NE/{name}' for name in measured.landmarks},
        'Pairs found on one spot, %': pair_rows(duplicates),
        'Pairs of left and right exchanged, %': pair_rows(exchanged),
    }
    # A pair with which nothing went wrong in a run is missing from its figures.
    missing = dict.fromkeys((*duplicates, *exchanged), 0.)
    return {title: {label: [each.get(key, missing.get(key)) for each in metrics] for label, key in rows.items()
                    if any(key in each for each in metrics)} for title, rows in content.items()}


def pair_rows(keys: Sequence[str]) -> dict[str, str]:
    return {key.partition('/')[2].replace('+', ' + '): key for key in keys}


def image_entry(runs: Sequence[RunResults], index: int, broken: list[str]) -> tuple[dict, str]:
    """One image for the page's script, with its landmarks in its pixels; and itself, cut around the garment."""
    path, first = runs[0].paths[index], runs[0].measured
    box = first.boxes[index]
    try:
        image = read_image(path)
    except BrokenImageError:
        broken.append(path)
        image = np.full((max(1, int(box[3])), max(1, int(box[2])), 3), 128, np.uint8)
    left, top, right, bottom = cut(box, image.shape)
    part = image[top:bottom, left:right]
    zoom = min(1., longer_side(len(runs[0].paths)) / max(part.shape[:2]))
    size = max(1, round(part.shape[1] * zoom)), max(1, round(part.shape[0] * zoom))
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    jpeg = base64.b64encode(cv2.imencode('.jpg', part, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]).decode()

    def shown(points: np.ndarray) -> list[list[float]]:
        return np.round((points - (left, top)) * zoom, 1).tolist()

    entry = dict(
        category=first.categories[index],
        size=size,
        visibility=first.visibility[index].astype(int).tolist(),
        truth=shown(first.truth[index]),
        found=[shown(run.measured.pred[index]) for run in runs],
        error=[[None if np.isnan(value) else round(float(value), 5) for value in run.measured.errors[index]]
               for run in runs],
        pairs=[[run.measured.pairs[pair] for pair in np.flatnonzero(run.measured.duplicates[index] == 1)]
               for run in runs],
        exchanged=[[run.measured.sides[pair] for pair in np.flatnonzero(run.measured.exchanged[index] == 1)]
                   for run in runs])
    return entry, jpeg


def longer_side(images: int) -> int:
    """Of a picture in the page, in pixels, by their number."""
    return int(min(LARGEST_SIDE, max(SMALLEST_SIDE, (PIXELS / images) ** 0.5)))


def cut(box: np.ndarray, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box with a margin, inside an image of a shape (H, W, ...)."""
    x1, y1, x2, y2 = np.asarray(box, dtype=float)
    margin_x, margin_y = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    left, top = max(0, int(x1 - margin_x)), max(0, int(y1 - margin_y))
    right, bottom = min(shape[1], int(np.ceil(x2 + margin_x))), min(shape[0], int(np.ceil(y2 + margin_y)))
    if right - left < 2 or bottom - top < 2:  # a box outside the image
        return 0, 0, shape[1], shape[0]
    return left, top, right, bottom
