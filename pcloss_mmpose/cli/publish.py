"""Make of a checkpoint the folder to share: weights, config, graph, page and picture.

    pcloss publish work_dirs/NAME/iter_100000.pth -o published
    pcloss publish work_dirs/NAME/iter_100000.pth -o published --license cc-by-nc-4.0 --dataset fashionai \\
        --metrics metrics.json --picture photo.jpg
    pcloss predict published/NAME-HASH_DATE photos/ -o out

writes published/NAME-HASH_DATE, where NAME is that of the config, and HASH are the first 8 digits of the SHA-256 of

    model.safetensors  weights, and what MMPose keeps beside them; optimizer, schedulers, log buffers and the state of
                       hooks are dropped
    config.py          the config, flat and without the folders of this machine; metainfo is part of it
    model.onnx         the graph, if the model can be exported; else a line says why not
    picture.jpg        an image with the landmarks that it finds
    README.md          the page, as Hugging Face's hub reads it

Figures are those of --metrics, which `pcloss test --out metrics.json` wrote. Nothing else is said of the model.
`hf upload OWNER/NAME published/NAME-HASH_DATE` brings the folder to the hub, where others call it hf-hub:OWNER/NAME.

With --pth, only the weights are written, as a file NAME-HASH_DATE.pth, which `torch.load(file, weights_only=True)`,
from torch 2.0 on, reads without this package. The text of the config is part of it, with the folders that it names.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError, MissingPackageError, PclossError
from ..model_folder import weights_file
from .arguments import checkpoint_file, out_folder
from .loading import load, say


def license_name(text: str) -> str:
    """The identifier of a license."""
    from ..deploy.card import check_license
    try:
        return check_license(text)
    except PclossError as error:
        raise ArgumentTypeError(str(error)) from None


def dataset_name(text: str) -> str:
    """A data set's name, as the hub writes them."""
    if not re.fullmatch(r'[\w.-]+(/[\w.-]+)?', text):
        raise ArgumentTypeError(f"'{text}' is no name of a data set, such as coco or OWNER/NAME")
    return text


def metrics_file(text: str) -> Path:
    """A file of figures."""
    if not Path(text).is_file():
        raise ArgumentTypeError(f'{text}: no such file (in the folder {Path.cwd()})')
    return Path(text)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('checkpoint', type=checkpoint_file, metavar='CHECKPOINT',
                        help='a .pth file that a training wrote')
    parser.add_argument('-o', '--out', type=out_folder, metavar='DIR', help="default: the checkpoint's folder")
    parser.add_argument('--license', type=license_name, metavar='ID', help='such as apache-2.0, cc-by-nc-4.0 or other')
    parser.add_argument('--metrics', type=metrics_file, metavar='FILE',
                        help='figures of this checkpoint, as `pcloss test --out FILE` writes them')
    parser.add_argument('--dataset', type=dataset_name, metavar='NAME',
                        help='of the data that it was trained and measured on, as the hub calls them')
    parser.add_argument('--picture', metavar='IMAGE', help="to show (default: the first of the config's test set)")
    parser.add_argument('--half', action='store_true',
                        help='weights in half precision, in half of the space; figures may change in the last digits')
    parser.add_argument('--pth', action='store_true', help='only the weights, as one file of torch')


def run(args: Namespace) -> None:
    if not args.pth and find_spec('safetensors') is None:
        raise MissingPackageError('safetensors not installed: pip install safetensors; or --pth, for one file of torch')
    checkpoint = Path(weights_file(args.checkpoint))
    out = args.out or checkpoint.parent
    if args.pth:
        if args.license or args.metrics or args.dataset or args.picture or args.half:
            raise InputError('--license, --metrics, --dataset, --picture and --half are for the folder, and not for '
                             '--pth')
        load('PyTorch', 'torch')
        from ..deploy.publish import publish
        path, dropped = publish(checkpoint, out)
        notes, files = [], [path]
    else:
        from ..deploy.card import read_metrics
        from ..inference import find_items
        metrics = read_metrics(args.metrics) if args.metrics else {}
        items = find_items([args.picture]) if args.picture else []
        load('MMPose', 'mmpose.apis')
        from ..deploy.folder import share
        say('building the model, its graph and its page')
        path, dropped, notes = share(checkpoint, out, items, metrics, args.license, args.dataset, args.half)
        files = sorted(path.iterdir())
    print(f"dropped: {', '.join(dropped) or 'nothing'}")
    for note in notes:
        print(note)
    for file in (checkpoint, *files):
        print(f'{file}: {file.stat().st_size / 1e6:.1f} MB')
