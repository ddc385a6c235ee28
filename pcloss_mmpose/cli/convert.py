"""Make COCO JSON and MMPose's metainfo file of the raw files of a fashion data set.

    pcloss convert fashionai /data/fashionai --out /data/fashionai/coco
    pcloss convert deepfashion /data/deepfashion --out /data/deepfashion/coco

writes metainfo.py and a JSON for each part: for FashionAI the paper's train and val, for DeepFashion2 train and
validation, for the others the splits of the partition file. Every JSON is read back and compared with the raw files
before it gets its name. The same command again keeps what an earlier start has written, after it was compared alike,
and does the rest; other files are never replaced.
FashionAI's CSVs can also be taken whole, such as those of generated garments:

    pcloss convert fashionai data/garments --out data/garments/coco \\
        --ann-file Annotations/train.csv Annotations/val.csv --each
"""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Mapping, Sequence

from ..errors import FileFormatError, InputError
from .arguments import folder, out_folder
from .loading import load
from .progress import track

LAYOUTS = ('fashionai', 'deepfashion', 'deepfashion2', 'fld')
SHOWN = 20  # broken images


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('layout', choices=LAYOUTS, help='whose files they are')
    parser.add_argument('root', type=folder, help='folder of the raw files; the JSON names images relative to it')
    parser.add_argument('--out', type=out_folder, required=True, help='folder for the JSON files and metainfo.py')
    parser.add_argument('--ann-file', nargs='+', metavar='CSV',
                        help='FashionAI: which files, relative to the root (default: those that FASHIONAI_CSVS names, '
                        'with commas between, else the two official ones)')
    parser.add_argument('--each', action='store_true',
                        help="FashionAI: one JSON for each CSV, with its name, instead of the paper's train and val")


def run(args: Namespace) -> None:
    if args.layout != 'fashionai' and (args.ann_file or args.each):
        raise InputError('--ann-file and --each are for fashionai')
    if args.each and len({Path(csv).stem for csv in args.ann_file or ()}) < len(args.ann_file or ()):
        raise InputError('--each names each JSON after its CSV, and two of them have the same name')

    load('MMPose', 'mmpose.datasets')
    from ..datasets.conversion import READERS, is_written, rows_of, write_coco
    from ..datasets.formats.coco import check_coco, metainfo_source
    from ..files import write_at_once
    parts = read_parts(args)
    files = {name: args.out / f'{name}.json' for name in parts}
    metainfo, metainfo_text = args.out / 'metainfo.py', metainfo_source(READERS[args.layout].METAINFO)
    kept = [name for name in parts if files[name].exists()]
    taken = [files[name] for name in kept if not is_written(files[name], parts[name], args.root)]
    if metainfo.exists() and metainfo.read_bytes() != metainfo_text.encode():
        taken.append(metainfo)
    if taken:
        raise InputError(f'{taken[0]} is there already, and is not what would be written: remove it, or choose another '
                         'folder with --out')
    sizes = read_sizes(parts)
    for name in kept:
        check_coco(str(files[name]), rows_of(parts[name]), sizes[name], args.root, parts[name].first_image)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        if name not in kept:
            write_coco(files[name], part, sizes[name], args.root)
        images = len({row['img_id'] for row in rows_of(part)})
        what = f'{len(part)} garments on {images} images' if images < len(part) else f'{images} images'
        print(f'{files[name]}: {what}, {"kept, " if name in kept else ""}read back, all equal')
    write_at_once(metainfo, metainfo_text)
    print(f"{metainfo}: for MMPose, as in dict(type='CocoDataset', data_root='{Path(args.root).resolve()}', "
          f"ann_file='{next(iter(files.values())).resolve()}', metainfo=dict(from_file='{metainfo.resolve()}'))")


def read_parts(args: Namespace) -> Mapping:
    """The readers; what they warn of is printed once."""
    from ..datasets import conversion
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', UserWarning)
        try:
            parts = conversion.read_parts(args.layout, args.root, args.ann_file, args.each)
        except FileFormatError as error:
            advice = ' --ann-file names other CSVs, and --each takes them whole.' if args.layout == 'fashionai' else ''
            raise FileFormatError(f'{error}{advice}') from error
    for text in dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning):
        print(f'note: {text}', file=sys.stderr)
    return parts


def read_sizes(parts: Mapping) -> dict[str, Sequence]:
    """Size of every image of every part; ends where images cannot be read, after it has named them."""
    from ..datasets.conversion import rows_of
    from ..images import image_sizes
    sizes, broken, total = {}, [], 0
    for name, part in parts.items():
        paths = [row['img_path'] for row in rows_of(part)]
        distinct = list(dict.fromkeys(paths))
        total += len(distinct)
        found, errors = image_sizes(track(distinct, f'{name}: image headers'))
        broken += errors
        if not errors:
            of_paths = dict(zip(distinct, found))
            sizes[name] = [of_paths[path] for path in paths]
    if broken:
        print(f'{len(broken)} of {total} images cannot be read, and nothing was written. Repair them, or take their '
              'rows out of the raw files.')
        for error in broken[:SHOWN]:
            print(f'  {error}')
        if len(broken) > SHOWN:
            print(f'  and {len(broken) - SHOWN} more')
        sys.exit(1)
    return sizes
