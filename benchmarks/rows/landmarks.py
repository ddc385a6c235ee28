"""PCLoss in a head for the landmarks of all categories, of which an image has those of one.

They are DeepFashion2's 294, or the 81 that its categories share, and 39 are annotated, the most that a category has.
What is timed begins at the head's output: coordinates, loss, and the gradient at the output. The peer is a head for 39
landmarks, all annotated; and where the 39 are few, the same head whose samples do not say so, so that it takes all. The
floor is the gradient of the wide output, which is 0 almost everywhere and has to be written.
"""

from __future__ import annotations

from functools import partial
from typing import Iterator, Sequence

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from benchmarks.paired import Case
from pcloss_mmpose.metainfo.deepfashion2 import LANDMARKS, MOST, SHARED_LANDMARKS
from pcloss_mmpose.models.heads.pc_mixin import picked

#: Images in a step: few for a processor.
IMAGES = dict(cpu=4, cuda=64)
TOPK = 8
#: Width and height of the input: MMPose's heatmaps have a fourth of it, SimCC has two bins for a pixel.
HEADS = (('PCHeatmapHead', (192, 256)), ('PCHeatmapHead', (288, 384)), ('PCSimCCHead', (192, 256)))


def head_of(kind: str, input_size: tuple[int, int], robust: bool) -> nn.Module:
    """A head of one landmark, whose own layers are not used."""
    from mmpose.registry import MODELS
    width, height = input_size
    if kind == 'PCHeatmapHead':
        config = dict(integral=dict(alpha=10.), decoder=dict(
            type='MSRAHeatmap', input_size=input_size, heatmap_size=(width // 4, height // 4), sigma=2))
    else:
        config = dict(input_size=input_size, in_featuremap_size=(1, 1), loss=dict(type='KLDiscretLoss', beta=10.))
    head = MODELS.build(dict(type=kind, in_channels=1, out_channels=1, deconv_out_channels=None,
                             pc_loss=dict(type='PCLoss', topk=TOPK, robust=robust), **config))
    head.logs_now = False  # as in most steps
    return head


def output_of(kind: str, input_size: tuple[int, int], images: int, landmarks: int, device: str) -> list[Tensor]:
    width, height = input_size
    sizes = [(height // 4, width // 4)] if kind == 'PCHeatmapHead' else [(2 * width, ), (2 * height, )]
    torch.manual_seed(0)
    return [torch.randn(images, landmarks, *size, device=device).mul_(0.1).requires_grad_() for size in sizes]


def samples_of(points: np.ndarray, own: np.ndarray, landmarks: int, input_size: tuple[int, int], device: str,
               tells: bool = True) -> list:
    """True coordinates (B, 39, 2), fractions of the input, of the landmarks that each image has, (B, 39)."""
    from mmpose.structures import PoseDataSample
    samples = []
    for index, of_image in zip(own, points):
        keypoints, visible = np.zeros((1, landmarks, 2)), np.zeros((1, landmarks), np.float32)
        keypoints[0, index], visible[0, index] = of_image * input_size, 1
        sample = PoseDataSample(metainfo=dict(input_size=input_size))
        sample.gt_instances = InstanceData(transformed_keypoints=keypoints)
        if tells:
            sample.gt_instances.keypoints_visible = visible
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.from_numpy(visible).to(device))
        samples.append(sample)
    return samples


def loss_and_gradient(head: nn.Module, output: Sequence[Tensor], samples: Sequence) -> tuple[Tensor, list[Tensor]]:
    loss = head.loss_on([output[0] if len(output) == 1 else output], samples, head.pc_loss)
    return loss.detach(), list(torch.autograd.grad(loss, output))


def assert_same(ours: tuple[Tensor, list[Tensor]], peer: tuple[Tensor, list[Tensor]],
                own: Tensor | None = None) -> None:
    """The same value and gradient; with ``own``, that of these landmarks, beside which there is none."""
    torch.testing.assert_close(ours[0], peer[0], rtol=1e-4, atol=0)
    for gradient, expected in zip(ours[1], peer[1]):
        found = gradient if own is None else picked(gradient, own)
        assert expected.any() and (found - expected).norm() < 1e-4 * expected.norm()
        assert own is None or torch.count_nonzero(gradient) == torch.count_nonzero(found)


def cases(device: str, scale: int = 1) -> Iterator[Case]:
    init_default_scope('mmpose')
    images = scale * IMAGES[torch.device(device).type]
    rng = np.random.default_rng(0)
    points = rng.random((images, MOST, 2))
    for kind, input_size in HEADS:
        width, height = input_size
        name = f'heatmaps {width // 4}x{height // 4}' if kind == 'PCHeatmapHead' else f'SimCC {width}x{height}'
        for landmarks in (len(LANDMARKS), len(SHARED_LANDMARKS)):
            own = rng.integers(landmarks - MOST + 1, size=(images, 1)) + np.arange(MOST)  # they follow each other
            index = torch.from_numpy(own).to(device)
            wide = output_of(kind, input_size, images, landmarks, device)
            narrow = [picked(each.detach(), index).requires_grad_() for each in wide]
            alone = np.broadcast_to(np.arange(MOST), own.shape)
            samples = partial(samples_of, points, input_size=input_size, device=device)
            for robust in (False, True):
                head = head_of(kind, input_size, robust)
                run = partial(loss_and_gradient, head)
                ours = partial(run, wide, samples(own, landmarks))
                row = f'{name}, {"lengths" if robust else "squares"}, {images} x {landmarks}; peer: '
                floor = partial(lambda wide: [torch.zeros_like(each) for each in wide], wide)
                yield Case(f'{row}{MOST}', ours, partial(run, narrow, samples(alone, MOST)),
                           partial(assert_same, own=index), memory=landmarks / MOST, floor=floor)
                if landmarks >= 3 * MOST:
                    yield Case(f'{row}all', ours, partial(run, wide, samples(own, landmarks, tells=False)),
                               assert_same, target=0.6, memory=1.3, floor=floor)
