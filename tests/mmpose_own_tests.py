"""Run MMPose's own unit tests of its heads with our classes, without PCLoss, in the place of the stock ones.

    git clone --branch v1.3.2 https://github.com/open-mmlab/mmpose
    python tests/mmpose_own_tests.py mmpose/tests

MMPose's wheel comes without its tests, so this is no part of the suite. It ends with the number of heads of each class
that were built, and with an error if a stock one was in the place of ours.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from mmpose.registry import MODELS

from pcloss_mmpose.models import heads

#: Test file, and the heads that it builds.
FILES = {
    'test_heatmap_heads/test_heatmap_head.py': 'HeatmapHead',
    'test_heatmap_heads/test_cpm_head.py': 'CPMHead',
    'test_heatmap_heads/test_mspn_head.py': 'MSPNHead',
    'test_heatmap_heads/test_vipnas_head.py': 'ViPNASHead',
    'test_heatmap_heads/test_simcc_head.py': 'SimCCHead',
    'test_heatmap_heads/test_rtmcc_head.py': 'RTMCCHead',
    'test_regression_heads/test_regression_head.py': 'RegressionHead',
    'test_regression_heads/test_integral_regression_head.py': 'IntegralRegressionHead',
    'test_regression_heads/test_dsnt_head.py': 'DSNTHead',
    'test_regression_heads/test_rle_head.py': 'RLEHead',
    'test_hybrid_heads/test_vis_head.py': 'HeatmapHead',  # inside a VisPredictHead
}


def put_ours_in_place(built: Counter) -> None:
    """Under the stock names, in MMPose's module and registry; ``built`` counts what is built from then on."""
    from mmpose.models import heads as stock_heads  # after pcloss_mmpose, without which mmcv-lite lets none be imported
    for name in set(FILES.values()):
        ours, stock = getattr(heads, f'PC{name}'), getattr(stock_heads, name)

        def counted(self, *args, init=stock.__init__, **kwargs):
            built[type(self).__name__] += 1
            init(self, *args, **kwargs)

        stock.__init__ = counted
        setattr(stock_heads, name, ours)
        MODELS.module_dict[name] = ours


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1], 'test_models/test_heads').is_dir():
        sys.exit(f'usage: python {sys.argv[0]} FOLDER, that of the tests of MMPose, with test_models/test_heads in it')
    folder = Path(sys.argv[1], 'test_models/test_heads').resolve()
    built: Counter = Counter()
    put_ours_in_place(built)
    code = pytest.main([*(str(folder / file) for file in FILES), '--rootdir', str(folder), '-c', '/dev/null',
                        '--import-mode=importlib', '-p', 'no:cacheprovider', '-q', '-W', 'ignore'])
    print(*(f'{count:4d} {name}' for name, count in sorted(built.items())), sep='\n')
    # IntegralRegressionHead and DSNTHead take the stock HeatmapHead that they hold from its own module.
    in_our_place = [name for name in {*FILES.values()} - {'HeatmapHead'} if built[name] or not built[f'PC{name}']]
    sys.exit(f'not ours: {", ".join(in_our_place)}' if in_our_place else code)


if __name__ == '__main__':
    main()
