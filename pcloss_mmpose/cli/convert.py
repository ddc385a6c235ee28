"""Make COCO JSON and MMPose's metainfo file of the raw files of FashionAI, DeepFashion or FLD.

    python tools/convert_to_coco.py fashionai /data/fashionai --out /data/fashionai/coco
    python tools/convert_to_coco.py deepfashion /data/deepfashion --out /data/deepfashion/coco

writes a JSON for each part (FashionAI: the paper's train and val; the others: what the partition file has of train, val
and test) and metainfo.py. Every JSON is read back and compared with the raw files before it gets its name. FashionAI's
CSVs can also be taken whole, such as those of generated garments:

    python tools/convert_to_coco.py fashionai data/garments --out data/garments/coco \\
        --ann-file Annotations/train.csv Annotations/val.csv --each
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

from rich.progress import track

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.datasets import FileFormatError, DeepFashionAttributeDataset, FashionAIDataset, FLDDataset
from pcloss_mmpose.datasets.base import GarmentDataset
from pcloss_mmpose.datasets.formats.coco import check_coco, image_sizes, metainfo_source, to_coco
from pcloss_mmpose.datasets.formats.deepfashion import SPLITS, read_partition
from pcloss_mmpose.datasets.checks.releases import FASHIONAI_FILES

READERS = {'fashionai': FashionAIDataset, 'deepfashion': DeepFashionAttributeDataset, 'fld': FLDDataset}
SHOWN = 20  # broken images


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('layout', choices=READERS, help='whose files they are')
    parser.add_argument('root', type=Path, help='folder of the raw files; the JSON names images relative to it')
    parser.add_argument('--out', type=Path, required=True, help='folder for the JSON files and metainfo.py')
    parser.add_argument('--ann-file', nargs='+', metavar='CSV',
                        help='FashionAI: other files than the two official ones, relative to the root')
    parser.add_argument('--each', action='store_true',
                        help="FashionAI: a JSON of each CSV, of its name, instead of the paper's train and val of all")
    args = parser.parse_args()
    if args.layout != 'fashionai' and (args.ann_file or args.each):
        parser.error('--ann-file and --each are for fashionai')
    args.ann_file = args.ann_file or list(FASHIONAI_FILES)
    if args.each and len({Path(csv).stem for csv in args.ann_file}) < len(args.ann_file):
        parser.error('--each names each JSON after its CSV, and two of them have the same name')
    return args


def read_parts(args: argparse.Namespace) -> dict[str, GarmentDataset]:
    """A reader for each JSON to be written, by the JSON's name."""
    reader, root = READERS[args.layout], str(args.root)
    if args.each:
        return {Path(csv).stem: reader(csv, data_root=root) for csv in args.ann_file}
    if args.layout == 'fashionai':
        return {subset: reader(args.ann_file, data_root=root, subset=subset) for subset in ('train', 'val')}
    _, splits = read_partition(reader(data_root=root, lazy_init=True).partition_file)
    return {split: reader(data_root=root, split=split) for split in SPLITS if split in splits}


def read_sizes(parts: dict[str, GarmentDataset]) -> dict[str, list]:
    """Size of every image of every part; exits with the names of those that cannot be read."""
    sizes, broken = {}, []
    for name, part in parts.items():
        paths = (part.get_data_info(index)['img_path'] for index in range(len(part)))
        sizes[name], errors = image_sizes(track(paths, f'{name}: image headers', total=len(part)))
        broken += errors
    if broken:
        lines = [str(error) for error in broken[:SHOWN]]
        if len(broken) > SHOWN:
            lines.append(f'... and {len(broken) - SHOWN} more')
        sys.exit(f'{len(broken)} of {sum(map(len, parts.values()))} images cannot be read, and nothing was written. '
                 'Repair them, or take their rows out of the raw files.\n  ' + '\n  '.join(lines))
    return sizes


def write_part(path: Path, part: GarmentDataset, sizes: list, root: str) -> None:
    """Write a JSON under a passing name, read it back, and give it its name."""
    unchecked = path.with_suffix('.json.part')
    try:
        unchecked.write_text(json.dumps(to_coco(part, sizes, root)))
        check_coco(str(unchecked), part, sizes, root)
        unchecked.replace(path)
    finally:
        unchecked.unlink(missing_ok=True)
    print(f'{path}: {len(part)} images, read back, all equal')


def main() -> None:
    args = parse_args()
    warnings.formatwarning = lambda message, *_, **__: f'{message}\n'  # the readers' name file and line
    try:
        parts = read_parts(args)
        files = {name: args.out / f'{name}.json' for name in parts}
        metainfo, metainfo_text = args.out / 'metainfo.py', metainfo_source(READERS[args.layout].METAINFO)
        taken = [path for path in files.values() if path.exists()]
        if metainfo.exists() and metainfo.read_text() != metainfo_text:
            taken.append(metainfo)
        if taken:
            sys.exit(f'{taken[0]} is there already: remove it, or choose another folder with --out')
        args.out.mkdir(parents=True, exist_ok=True)
        sizes = read_sizes(parts)
        for name, part in parts.items():
            write_part(files[name], part, sizes[name], str(args.root))
        metainfo.write_text(metainfo_text)
    except FileFormatError as error:
        advice = ' --ann-file names other CSVs, and --each takes them whole.' if args.layout == 'fashionai' else ''
        sys.exit(f'{error}{advice}')
    except OSError as error:
        sys.exit(str(error))
    print(f"{metainfo}: for MMPose, as in dict(type='CocoDataset', data_root='{args.root.resolve()}', "
          f"ann_file='{next(iter(files.values())).resolve()}', metainfo=dict(from_file='{metainfo.resolve()}'))")


if __name__ == '__main__':
    main()
