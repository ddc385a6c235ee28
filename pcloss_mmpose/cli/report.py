"""Compare tested models in one HTML page: figures, curves, and the pictures with what each model found.

    python tools/test.py CONFIG CHECKPOINT --work-dir RUN --dump RUN/predictions.pkl     # for each model
    python tools/report.py RUN [RUN ...] -o report.html

A RUN is such a folder, or NAME=FOLDER to give it another name in the page; the others are compared with the first. The
normaliser and the landmarks' names are those of the config that was tested. The page needs no network and no other
file: it holds the pictures, cut around the garments and made small.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import Any, Mapping

import mmpose_tool  # first: it makes the package and MMPose importable
from rich.console import Console
from rich.progress import Progress
from work_dirs import RunError, load_config

from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.visualization.report import RunResults, check_same_pictures, report_page, run_results

PREDICTIONS = 'predictions.pkl'


def tested_config(folder: Path) -> dict:
    """The config of the newest test or training in a work folder.

    Raises:
        RunError: There is none, or it cannot be read.
    """
    found = sorted(folder.glob('*/vis_data/config.py'), key=lambda path: path.parent.parent.name) or sorted(
        folder.glob('*.py'))
    if not found:
        raise RunError(f'{folder}: no config in it; name the --work-dir of a test')
    return load_config(found[-1])


def metainfo_of(config: Mapping[str, Any]) -> Mapping:
    """The parsed metainfo of the test set."""
    dataset = config['test_dataloader']['dataset']
    metainfo = dataset.get('metainfo')
    if metainfo:
        return load_metainfo(metainfo.get('from_file', metainfo))
    return load_metainfo(dataset['type'])


def measure_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the config's first NormalizedError, or else FailureModes; none where it has neither."""
    evaluators = config.get('test_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    for name in ('NormalizedError', 'FailureModes'):
        for evaluator in evaluators:
            if evaluator.get('type') == name:
                return {key: evaluator[key] for key in ('norm', 'norm_pairs', 'include_occluded') if key in evaluator}
    return {}


def load_predictions(folder: Path) -> list[dict]:
    """What ``--dump`` wrote.

    Raises:
        RunError: It is missing or cannot be read.
    """
    path = folder / PREDICTIONS
    if not path.is_file():
        raise RunError(f'{path}: no such file; write it by testing with --work-dir {folder} --dump {path}')
    try:
        samples = pickle.loads(path.read_bytes())
    except Exception as error:  # a broken pickle raises anything
        raise RunError(f'{path}: not what a test dumps ({type(error).__name__}: {error}); test again') from error
    if not isinstance(samples, list) or not all('img_path' in sample for sample in samples):
        raise RunError(f'{path}: not what a test dumps; test again')
    return samples


def load_run(argument: str, threshold: float) -> RunResults:
    """The run of an argument, FOLDER or NAME=FOLDER."""
    name, _, place = ('', '', argument) if Path(argument).is_dir() else argument.rpartition('=')
    folder = Path(place)
    if not folder.is_dir():
        raise RunError(f'{folder}: no such folder')
    config = tested_config(folder)
    name = name or folder.resolve().name
    return run_results(name, load_predictions(folder), metainfo_of(config), threshold, **measure_of(config))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folder with predictions.pkl, or NAME=FOLDER')
    parser.add_argument('-o', '--out', type=Path, default=Path('report.html'), help='default: %(default)s')
    parser.add_argument('--title', default='Landmark errors', help='of the page (default: %(default)s)')
    parser.add_argument('--threshold', type=float, default=10., metavar='PERCENT',
                        help='of T, above which a landmark is an outlier (default: 10)')
    args = parser.parse_args()
    if not args.threshold > 0:
        parser.error(f'--threshold must be above 0, got {args.threshold:g}')
    mmpose_tool.check_out_file(parser, args.out, ('.html', '.htm'))
    console = Console(stderr=True)
    with mmpose_tool.readable_errors():
        runs = [load_run(argument, args.threshold) for argument in args.runs]
        check_same_pictures(runs)
    with Progress(console=console) as bars:
        bar = bars.add_task('pictures', total=len(runs[0].paths))
        page, broken = report_page(runs, args.title, lambda done: bars.update(bar, completed=done))
    args.out.write_text(page, encoding='utf-8')
    if broken:
        console.print(f'{len(broken)} pictures could not be read (relative paths start from the current folder), '
                      f'the first is {broken[0]}', markup=False, highlight=False)
    print(f'{args.out}: {len(runs[0].paths)} pictures, {args.out.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
