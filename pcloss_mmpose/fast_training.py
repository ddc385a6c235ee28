"""The config's ``fast``: one line for mixed precision, a faster memory layout, optimizer kernels, and the compiler."""

from __future__ import annotations

import inspect
import logging
from typing import Any, Mapping

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner
from packaging.version import Version

from .errors import InputError

#: What ``fast`` may hold, with what each is when it is left out.
OFF = dict(amp=None, channels_last=False, fused=False, compile=False, workers=None)
AMP = (None, 'bfloat16', 'float16')


def make_fast(runner: Runner) -> None:
    """Apply the config's ``fast`` to a runner before it trains; checkpoints and predictions stay the stock model's.

    - ``amp``: 'bfloat16' or 'float16' for MMEngine's ``AmpOptimWrapper``, on a GPU. PCLoss stays in float32.
    - ``channels_last``: the memory layout of the weights of convolutions, and with them of what flows through.
    - ``fused``: the optimizer's own fused kernels, of those that have some (Adam, AdamW, SGD).
    - ``compile``: ``torch.compile`` for the backbone and the neck, whose weights keep their names.
    - ``workers``: how many processes load the training's images, which live as long as the training.

    What the machine cannot do is left out, and the log says so.

    Raises:
        InputError: An option is unknown, or has a value that it cannot have; or the optimizer is of another kind.
    """
    options = fast_options(runner.cfg.get('fast'))
    runner.register_hook(ResumedOptimizerHook())
    if options == OFF:
        return
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    on_gpu = next(model.parameters()).is_cuda
    left_out: dict[str, str] = {}
    if options['amp'] or options['fused']:
        runner.optim_wrapper, left_out = fast_optimizer(
            runner.optim_wrapper, options['amp'], options['fused'], on_gpu)
    if options['channels_last']:
        model.to(memory_format=torch.channels_last)
    if options['compile'] and not hasattr(model, 'compile'):
        left_out['compile'] = 'PyTorch compiles modules in place from 2.2 on'
    elif options['compile']:
        print_log('fast.compile: the first steps compile the model, which can take minutes', 'current')
        for name in ('backbone', 'neck'):
            if getattr(model, name, None) is not None:
                getattr(model, name).compile()
    if options['workers']:
        loader = runner._train_dataloader
        if isinstance(loader, dict):
            runner._train_dataloader = dict(loader, num_workers=options['workers'], persistent_workers=True)
        else:
            left_out['workers'] = 'the data loader is there already'
    for option, why in left_out.items():
        print_log(f'fast.{option} is left out: {why}', 'current', logging.WARNING)


def fast_options(fast: Any) -> dict[str, Any]:
    """All of the options, from the config's ``fast`` or None.

    Raises:
        InputError: See :func:`make_fast`.
    """
    if fast is None:
        return dict(OFF)
    if not isinstance(fast, Mapping) or set(fast) - set(OFF):
        raise InputError(f'fast is a dict of {", ".join(OFF)}, got {fast!r}')
    options = {**OFF, **fast}
    if options['amp'] not in AMP:
        raise InputError(f"fast.amp must be 'bfloat16', 'float16' or None, got {options['amp']!r}")
    for name in ('channels_last', 'fused', 'compile'):
        if not isinstance(options[name], bool):
            raise InputError(f'fast.{name} must be True or False, got {options[name]!r}')
    workers = options['workers']
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise InputError(f'fast.workers must be None or a whole number from 1, got {workers!r}')
    return options


def fast_optimizer(config: Any, amp: str | None, fused: bool, on_gpu: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The config of an optimizer's wrapper with mixed precision and fused kernels, and why any of them is left out.

    Raises:
        InputError: The config has another wrapper than MMEngine's two, or is none.
    """
    if not isinstance(config, Mapping) or config.get('type', 'OptimWrapper') not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise InputError("fast.amp and fast.fused need an optim_wrapper of type 'OptimWrapper' or 'AmpOptimWrapper' in "
                         f'the config, got {config!r}: leave them out')
    config, left_out = dict(config), {}
    if amp and not on_gpu:
        left_out['amp'] = 'MMEngine has mixed precision on GPUs alone'
    elif amp:
        config.update(type='AmpOptimWrapper', dtype=amp)
    if fused:
        kind = config['optimizer']['type']
        kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
        if 'fused' not in inspect.signature(kind).parameters:
            left_out['fused'] = f'{kind.__name__} has no fused kernels in this PyTorch'
        elif not on_gpu and Version(torch.__version__) < Version('2.4'):
            left_out['fused'] = 'PyTorch has fused kernels for the CPU from 2.4 on'
        else:
            config['optimizer'] = dict(config['optimizer'], fused=True)
    return config, left_out


class ResumedOptimizerHook(Hook):
    """Lets a resumed optimizer compute as this run says, not as the one that wrote the checkpoint.

    A checkpoint brings the choice of kernels along, and moments in the memory layout of its weights. PyTorch's fused
    Adam on the CPU reads weights and moments as if they had one layout, so that a training that is resumed with another
    ``channels_last`` would go on with the moments of other weights, and say nothing.
    """

    def before_train(self, runner: Runner) -> None:
        """After a checkpoint was loaded."""
        wrapper = runner.optim_wrapper
        for each in wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]:
            renew(each.optimizer)


def renew(optimizer: torch.optim.Optimizer) -> None:
    """Give an optimizer the kernels that it was built for, every moment the strides of its weight, and each count of
    steps the device where those kernels look for it.
    """
    for group in optimizer.param_groups:
        if 'fused' in optimizer.defaults:
            group['fused'] = optimizer.defaults['fused']
        counts_beside = group.get('fused') or group.get('capturable')
        for weight in group['params']:
            state = optimizer.state.get(weight, {})
            for name, value in state.items():
                if not isinstance(value, torch.Tensor):
                    continue
                if name == 'step':
                    state[name] = value.to(weight.device if counts_beside else 'cpu')
                elif value.shape == weight.shape and value.stride() != weight.stride():
                    state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
