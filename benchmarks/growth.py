"""How time grows with the size of the work."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Mapping, Sequence

from matplotlib.figure import Figure


def draw(rows: Sequence[Mapping], path: Path) -> None:
    """Plot time over size, both as multiples of those at size 1 and on logarithmic axes: one panel a benchmark.

    Args:
        rows: Dicts of a :class:`benchmarks.paired.Row` with ``benchmark`` and ``scale``, in the same order at each
            scale.
        path: To write.
    """
    panels: dict[str, dict[int, list[Mapping]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        panels[row['benchmark']][row['scale']].append(row)
    panels = {name: scales for name, scales in panels.items() if len(scales) > 1}
    figure = Figure(figsize=(4.5 * len(panels), 5), layout='constrained')
    for axes, (name, scales) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
        sizes = sorted(scales)
        for number, first in enumerate(scales[sizes[0]]):
            of_row = [scales[size][number] for size in sizes]
            line, = axes.loglog(sizes, [row['ours'] for row in of_row], 'o-', label=first['name'])
            axes.loglog(sizes, [row['peer'] for row in of_row], 'o:', color=line.get_color())
        axes.set(title=name, xlabel='size of the work', ylabel='seconds')
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.legend(fontsize=6, loc='upper center', bbox_to_anchor=(0.5, -0.15))
    figure.suptitle('ours solid, the peer dotted', fontsize=9)
    figure.savefig(path, dpi=110)
