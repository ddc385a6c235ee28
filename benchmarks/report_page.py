"""How large the report's page is, and how fast, with many images: a tested run's garments, repeated.

    python -m benchmarks.report_page RUN [RUN ...] --images 5000

A RUN is the work folder of a test with --dump. Needs playwright and Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Sequence

import numpy as np

from pcloss_mmpose.visualization.report import RunResults, load_run, report_page

#: Milliseconds from the start, and those of a filter and of the table of all errors.
MEASURED = """() => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
  const ready = performance.getEntriesByType('navigation')[0].loadEventEnd;
  const start = performance.now();
  ask({ show: 'duplicate' });
  const filtered = performance.now();
  errorsAsCsv();
  return { paint, ready, filter: filtered - start, table: performance.now() - filtered };
}"""


def repeated(run: RunResults, images: int) -> RunResults:
    """The run's garments, over and over."""
    order = np.arange(images) % len(run.paths)
    return run._replace(paths=[run.paths[index] for index in order], measured=run.measured.of(order))


def main(arguments: Sequence[str] | None = None) -> None:
    from playwright.sync_api import sync_playwright
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('runs', nargs='+', type=Path, metavar='RUN')
    parser.add_argument('--images', type=int, default=5000, metavar='N', help='default: %(default)s')
    args = parser.parse_args(arguments)
    runs = [repeated(load_run(folder), args.images) for folder in args.runs]
    start = time.perf_counter()
    page, _ = report_page(runs, 'Many images')
    print(f'{len(page) / 1e6:.1f} MB, made in {time.perf_counter() - start:.0f} s')
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder, 'report.html')
        path.write_text(page, encoding='utf-8')
        browser = driver.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox'])
        opened = browser.new_page()
        opened.goto(path.as_uri(), timeout=300_000)
        opened.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        found = opened.evaluate(MEASURED)
        print(', '.join(f'{name} {milliseconds / 1000:.2f} s' for name, milliseconds in found.items()))
        browser.close()


if __name__ == '__main__':
    main()
