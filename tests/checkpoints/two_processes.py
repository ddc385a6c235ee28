"""A training of two processes, whole and cut off: run by torchrun with a folder."""

import sys
from pathlib import Path

from toy_training import toy, train_until

from pcloss_mmpose.compat import cpu_processes

if __name__ == '__main__':
    settings = dict(iterations=8, launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')))
    with cpu_processes():
        whole, cut = (Path(sys.argv[1], name) for name in ('whole', 'cut'))
        seed = train_until(1, whole, **settings).seed  # drawn
        toy(whole, resume=True, **settings).train()
        train_until(5, cut, seed=seed, **settings)
        toy(cut, resume=True, **settings).train()
