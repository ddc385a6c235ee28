"""What a check found in one split, and the lines that say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterator, NamedTuple

from .releases import Split

if TYPE_CHECKING:
    from mmpose.datasets.datasets.base import BaseCocoStyleDataset

SHOWN = 5  # findings of a kind, for each split


class Finding(NamedTuple):
    """One line about a data set."""

    kind: str  # what findings of its kind are called, in the plural
    text: str
    is_problem: bool = True  # else a note


@dataclass
class Report:
    """What was looked at in one split, and what was found.

    Attributes:
        dataset: None where it could not be read.
        images: Different images that its rows name.
        opened: For each image that was decoded, its path and the rows that belong to it.
    """

    split: Split
    findings: list[Finding]
    dataset: BaseCocoStyleDataset | None = None
    images: int = 0
    opened: dict[str, list[int]] = field(default_factory=dict)


def describe(report: Report) -> Iterator[str]:
    """The lines on one split."""
    if report.dataset is None:
        yield f'{report.split.name}: not read'
    else:
        yield (f'{report.split.name}: {len(report.dataset):,} rows, {report.images:,} images, '
               f'{len(report.opened):,} decoded')
    kinds: dict[str, list[Finding]] = {}
    for finding in report.findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for kind, findings in kinds.items():
        word = 'problem' if findings[0].is_problem else 'note'
        yield from (f'  {word}: {finding.text}' for finding in findings[:SHOWN])
        if len(findings) > SHOWN:
            yield f'  {word}: and {len(findings) - SHOWN:,} more {kind}'


def verdict(reports: list[Report]) -> str:
    """The last line, on all splits."""
    problems = count_problems(reports)
    if problems:
        return f'{problems:,} problem{"s" * (problems > 1)}: not fit to train'
    sampled = any(len(report.opened) < report.images for report in reports)
    return f'fit to train{", as far as this sample of images shows (--all decodes every one)" * sampled}'


def count_problems(reports: list[Report]) -> int:
    """How many findings are problems."""
    return sum(finding.is_problem for report in reports for finding in report.findings)
