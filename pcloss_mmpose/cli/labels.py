"""Make training, validation and test labels of what a labelling tool exported.

    pcloss labels cvat.json studio.json --images photos --out data/waistcoats

reads CVAT's 'COCO Keypoints 1.0', any other COCO keypoint JSON, and Label Studio's 'JSON'. Every kind of garment may
have landmarks of its own; those of one name are one. An image's part follows from its name, so that images that are
added later leave the others where they are.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from ..errors import InputError
from .arguments import folder, number, out_folder, whole_number
from .progress import track

WIDEN = 10


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('exports', nargs='+', type=Path, metavar='EXPORT', help='JSON files of the tools')
    parser.add_argument('--images', type=folder, required=True, help='folder of the images, and of folders of images')
    parser.add_argument('--out', type=out_folder, required=True, help='folder for train.json, val.json, test.json and '
                        'metainfo.py; images are named relative to --images')
    parser.add_argument('--split', type=whole_number(1, 99), nargs='+', default=[70, 15, 15], metavar='PERCENT',
                        help='of the images for training, validation and test; two numbers make no test set '
                        '(default: 70 15 15)')
    parser.add_argument('--piece', type=pattern, metavar='REGEX',
                        help="what names the piece of clothing in an image's path below --images, such as '([0-9]+)_': "
                        'its images stay in one part')
    parser.add_argument('--widen', type=number(0, 100), default=WIDEN, metavar='PERCENT',
                        help='margin of boxes that were made from the landmarks, of the longer side '
                        '(default: %(default)s)')


def pattern(text: str) -> re.Pattern:
    """A regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f"'{text}' is no regular expression ({error})") from None


def run(args: Namespace) -> None:
    from ..files import write_at_once
    from ..labels import merging
    from ..labels.parts import PARTS, check_percent, check_piece, part_of
    from ..labels.reading import read_export
    check_percent(args.split)
    exports = [read_export(path) for path in args.exports]
    for note in (note for export in exports for note in export.notes):
        print(f'note: {note}', file=sys.stderr)
    images = merging.Images(args.images)
    garments = [(images.find(garment.image, garment.place), garment)
                for export in exports for garment in export.garments]
    if not garments:
        raise InputError('no garment is labelled in ' + ', '.join(map(str, args.exports)))
    names = list(dict.fromkeys(name for name, _ in garments))
    without = check_piece(args.piece, names)
    if without:
        print(f'note: --piece does not match {len(without)} of {len(names)} images, such as {without[0]}: each is '
              'taken for a piece of its own', file=sys.stderr)
    merging.check_once(garments)
    landmarks = merging.join_landmarks(exports)
    parts = {name: part_of(name, args.split, args.piece) for name in names}
    contents = {args.out / 'metainfo.py': merging.metainfo_text(merging.dataset_name(args.out), landmarks)}
    counts = {}
    for part in PARTS[:len(args.split)]:
        own = [(name, garment) for name, garment in garments if parts[name] == part]
        if not own:
            raise InputError(f'none of the {len(names)} images falls into {part}: label more, or give it more with '
                             '--split')
        counts[args.out / f'{part}.json'] = len({name for name, _ in own}), len(own)
        contents[args.out / f'{part}.json'] = json.dumps(merging.to_coco(own, landmarks, args.widen / 100))
    merging.check_sizes(garments, read_sizes(args.images, names))
    refuse_other(contents)
    args.out.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        write_at_once(path, content)
        print(f'{path}: ' + ('{} images, {} garments'.format(*counts[path]) if path in counts else
                             f'{len(landmarks.names)} landmarks, ' + ', '.join(
                                 f'{category} {len(own)}' for category, own in landmarks.categories.items())))
    tight = sum(merging.is_tight(garment) for _, garment in garments)
    if tight:
        print(f'{tight} of {len(garments)} boxes were no wider than the landmarks, and are {args.widen:g} % wider on '
              'each side now (--widen): draw those of new photographs alike')


def read_sizes(root: str, names: list[str]) -> dict[str, tuple[int, int]]:
    """Width and height of each image; InputError where one cannot be read."""
    from ..images import image_sizes
    sizes, broken = image_sizes(track([str(Path(root) / name) for name in names], 'image headers'))
    if broken:
        raise InputError(f'{len(broken)} of {len(names)} images cannot be read, such as {broken[0]}')
    return dict(zip(names, sizes))


def refuse_other(contents: dict[Path, str]) -> None:
    """Raise InputError where a file is there that would be another."""
    taken = [path for path, content in contents.items()
             if path.exists() and path.read_bytes() != content.encode()]
    if taken:
        raise InputError(f'{taken[0]} is there already, and is not what would be written: remove it, or choose another '
                         'folder with --out')
