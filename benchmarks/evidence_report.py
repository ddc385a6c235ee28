"""The tables and the plot of docs/evidence.md, from the results in benchmarks/evidence/*.jsonl.

    python -m benchmarks.evidence_report collect STUDY FOLDER   # keep what `pcloss compare --work-dir FOLDER` has found
    python -m benchmarks.evidence_report collect STUDY FOLDER --only COCO.json   # measured on the images of this file
    python -m benchmarks.evidence_report                        # write the tables, the plot and README's summary
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Collection, Iterator, Mapping

from mmengine.config import Config
from mmpose.registry import METRICS

from benchmarks.ablation_report import with_tables
from pcloss_mmpose.comparison.arms import BASE, Arm
from pcloss_mmpose.comparison.outcome import Outcome, in_words, make_outcome
from pcloss_mmpose.comparison.plot import draw_changes
from pcloss_mmpose.comparison.runs import RESULT, read_result
from pcloss_mmpose.comparison.tables import arms_table, as_markdown, shown
from pcloss_mmpose.comparison.training import PREDICTIONS
from pcloss_mmpose.evaluation.predictions import read_predictions
from pcloss_mmpose.files import write_at_once
from reproduce.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'evidence'
PAGE, APPENDIX, README = ROOT / 'docs' / 'evidence.md', ROOT / 'docs' / 'settings.md', ROOT / 'README.md'
SYSTEMS_PAGE = ROOT / 'docs' / 'systems.md'
#: Studies whose settings were chosen on other images, with seeds of their own.
FINALS = {'lspet': 'People in sport', 'lspet-front': 'of them, facing the camera'}
#: Generated garments, by how the model gives coordinates, and by the system of the comparison.
CODECS = {'garments': 'heatmaps', 'garments-udp': 'heatmaps, UDP', 'garments-simcc': 'SimCC',
          'garments-reg': 'regression'}
SYSTEMS = {'garments': 'SPB', 'systems-fashionnet': 'FashionNet', 'systems-dfa': 'DFA',
           'systems-dfa-no-dropout': 'DFA without dropout', 'systems-fgn': 'FGN', 'systems-dlan': 'DLAN'}
#: Those in which settings were chosen.
CHOICES = ('lspet-family', 'lspet-share', 'lspet-decoding', 'garments-decoding')
PLOTTED = 'lspet'
FIGURES = ('NE', 'outliers', 'duplicate_images', 'exchanged_images')


def collect(folder: Path, only: Path | None = None) -> Iterator[dict[str, Any]]:
    """A line for each run that is done: arm, seed, the figures of the tables, shares, seconds and versions.

    Args:
        folder: Of a comparison.
        only: COCO JSON; the figures are measured again on its images.
    """
    images = only and {Path(image['file_name']).name for image in json.loads(only.read_text())['images']}
    for path in sorted(folder.glob(f'*/seed*/{RESULT}')):
        result = read_result(path)
        found = figures_on(images, path.parent) if images else result['figures']
        figures = {key: float(f'{value:.5g}') for key, value in found.items()
                   if key in FIGURES or key.startswith('NE/')}
        share = result['share'] and [float(f'{value:.3g}') for value in result['share']]
        yield dict(arm=path.parent.parent.name, seed=int(path.parent.name[len('seed'):]), figures=figures, share=share,
                   landmarks=result['landmarks'], seconds=result['seconds'], date=result['date'],
                   versions=result['versions'])


def figures_on(images: Collection[str], run: Path) -> dict[str, float]:
    """What the metrics of a run say of its predictions on some images, by their files' names."""
    config = Config.fromfile(next(run.glob('*.py')))
    samples, metainfo = read_predictions(run / PREDICTIONS)
    samples = [sample for sample in samples if Path(sample['img_path']).name in images]
    if len(samples) < len(images):
        raise ValueError(f'{run}: predictions of {len(samples)} of {len(images)} images')
    figures: dict[str, float] = {}
    for options in config.test_evaluator:
        metric = METRICS.build(options)
        metric.dataset_meta = metainfo
        metric.process(None, samples)
        figures.update(metric.compute_metrics(metric.results))
    return figures


def read_outcome(study: str) -> Outcome:
    """Of a study; its arms in the order of their change of NE, the best first."""
    results: dict[str, dict[int, dict]] = {}
    for line in (RESULTS / f'{study}.jsonl').read_text().splitlines():
        record = json.loads(line)
        results.setdefault(record['arm'], {})[record['seed']] = record
    outcome = make_outcome([Arm(name, None, name) for name in results], results, 'NE')
    changes = {arm: outcome.change(arm.name, 'NE') for arm in outcome.arms if arm.name != BASE}
    ranked = sorted((arm for arm, change in changes.items() if change), key=lambda arm: changes[arm].percent)
    return outcome._replace(arms=[Arm(BASE, None, BASE), *ranked])


def summary_table(titles: Mapping[str, str], outcomes: Mapping[str, Outcome]) -> str:
    """A row for each loss of each study that has a title: what it changes, in percent."""
    rows = []
    for name in filter(outcomes.get, titles):
        for arm in outcomes[name].arms[1:]:
            changes = [outcomes[name].change(arm.name, key) for key in FIGURES]
            rows.append([titles[name], arm.name, str(changes[0].seeds), f'{changes[0].base:.2f}',
                         *map(shown, changes)])
    header = ['', 'loss', 'seeds', 'NE without', *(f'{in_words(key)}, %' for key in FIGURES)]
    return markdown_table(header, rows)


def all_tables() -> dict[Path, dict[str, str]]:
    """The tables of each page, by name."""
    outcomes = {path.stem: read_outcome(path.stem) for path in sorted(RESULTS.glob('*.jsonl'))}
    single = {name: as_markdown(arms_table(outcome)) for name, outcome in outcomes.items()
              if name not in {**CODECS, **SYSTEMS}}
    return {PAGE: {'garments': summary_table(CODECS, outcomes),
                   **{name: table for name, table in single.items() if name not in CHOICES}},
            APPENDIX: {name: table for name, table in single.items() if name in CHOICES},
            SYSTEMS_PAGE: {'systems': summary_table(SYSTEMS, outcomes)},
            README: {'results': summary_table(FINALS, outcomes)}}


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('command', nargs='?', choices=['collect'])
    parser.add_argument('study', nargs='?')
    parser.add_argument('folder', nargs='?', type=Path)
    parser.add_argument('--only', type=Path, metavar='COCO.json')
    args = parser.parse_args()
    if args.command:
        if args.folder is None or not args.folder.is_dir():
            parser.error('collect needs the name of a study and the folder of a comparison')
        lines = [json.dumps(record) for record in collect(args.folder, args.only)]
        write_at_once(RESULTS / f'{args.study}.jsonl', '\n'.join(lines) + '\n')
        print(f'{len(lines)} runs')
        return
    for page, tables in all_tables().items():
        page.write_text(with_tables(page.read_text(), tables))
    draw_changes(read_outcome(PLOTTED)).savefig(ROOT / 'docs' / 'evidence' / f'{PLOTTED}.png', dpi=110)


if __name__ == '__main__':
    main()
