"""What a check found in one split, and the lines that say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Iterator, NamedTuple, Sequence

from ...text import one_line

if TYPE_CHECKING:
    from mmpose.datasets.datasets.base import BaseCocoStyleDataset

    from .releases import Split

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
        images: Paths of the images that its rows name.
        pairs: The flip pairs of its landmarks, in words; empty where that was said before.
        opened: For each image that was decoded, its path and the rows that belong to it.
    """

    split: Split
    findings: list[Finding]
    dataset: BaseCocoStyleDataset | None = None
    images: set[str] = field(default_factory=set)
    pairs: str = ''
    opened: dict[str, list[int]] = field(default_factory=dict)


def describe(report: Report) -> Iterator[str]:
    """The lines on one split."""
    if report.dataset is None:
        yield f'{report.split.name}: not read'
    else:
        yield (f'{report.split.name}: {len(report.dataset):,} rows, {len(report.images):,} images, '
               f'{len(report.opened):,} decoded')
        if report.pairs:
            yield f'  {report.pairs}'
    yield from describe_findings(report.findings)


def describe_findings(findings: Iterable[Finding]) -> Iterator[str]:
    """A line for each, and of each kind no more than :data:`SHOWN`."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for kind, own in kinds.items():
        word = 'problem' if own[0].is_problem else 'note'
        yield from ('  ' + one_line(f'{word}: {finding.text}') for finding in own[:SHOWN])
        if len(own) > SHOWN:
            yield f'  {word}: and {len(own) - SHOWN:,} more {kind}'


def verdict(reports: Sequence[Report], others: Sequence[Finding] = ()) -> str:
    """The last line, on all splits and on what else was found."""
    problems = count_problems(reports, others)
    if problems:
        return f'{problems:,} problem{"s" * (problems > 1)}: not fit to train'
    sampled = any(len(report.opened) < len(report.images) for report in reports)
    return f'fit to train{", as far as this sample of images shows (--all decodes every one)" * sampled}'


def count_problems(reports: Sequence[Report], others: Sequence[Finding] = ()) -> int:
    """How many findings are problems."""
    return sum(finding.is_problem for findings in (*(report.findings for report in reports), others)
               for finding in findings)
