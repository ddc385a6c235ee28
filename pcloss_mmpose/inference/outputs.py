"""Records of predictions in the formats of other tools; images that could not be read are left out of them."""

from __future__ import annotations

from typing import Iterable, Iterator, Mapping, Sequence

from .items import Item


def coco_results(items: Iterable[Item], records: Iterable[Mapping], names: Sequence[str],
                 category_ids: Mapping[str, int]) -> Iterator[dict]:
    """As COCO's results for keypoints, one dict a garment.

    ``image_id`` and ``category_id`` are those of the COCO file that the item came from, else the path, and the
    category's number in ``category_ids``, or 1 where it has none. ``keypoints`` is flat, x y score of each landmark, 0
    for those that the category does not have; ``bbox`` is x y w h; ``score`` the mean of the scores.
    """
    for item, record in zip(items, records):
        if 'error' in record:
            continue
        x1, y1, x2, y2 = record['box']
        scores = [score for _, _, score in record['landmarks'].values()]
        yield dict(
            image_id=item.image if item.image_id is None else item.image_id,
            category_id=category_ids.get(item.category, 1) if item.category_id is None else item.category_id,
            bbox=[x1, y1, x2 - x1, y2 - y1],
            keypoints=[value for name in names for value in record['landmarks'].get(name, (0., 0., 0.))],
            score=sum(scores) / len(scores))


def csv_rows(records: Iterable[Mapping], names: Sequence[str]) -> Iterator[list]:
    """A table with header: image, category, box, then x, y and score of each landmark; empty where there is none."""
    yield ['image', 'category', 'x1', 'y1', 'x2', 'y2', *(f'{name}_{part}' for name in names
                                                          for part in ('x', 'y', 'score'))]
    for record in records:
        if 'error' not in record:
            yield [record['image'], record['category'] or '', *record['box'],
                   *(value for name in names for value in record['landmarks'].get(name, ('', '', '')))]
