"""What the losses are compared with."""

import pytest
import torch


def pairwise_loss(pred, target, weight=None, groups=None, topk=None, robust=False):
    """Eq. 5-10 as they are written: every pair formed, one sample and one group at a time."""
    batch, num_landmarks = pred.shape[:2]
    weight = torch.ones(batch, num_landmarks) if weight is None else weight.reshape(batch, num_landmarks)
    groups = [range(num_landmarks)] if groups is None else groups
    total, counted = pred.sum() * 0, 0
    for b in range(batch):
        sizes = []
        for group in groups:
            valid = [i for i in group if weight[b, i] > 0]
            sizes.append(len(valid))
            if len(valid) < 2:
                continue
            size = torch.linalg.vector_norm if robust else lambda vector: vector.square().sum()
            per_landmark = torch.stack([
                sum(size((pred[b, j] - pred[b, i]) - (target[b, j] - target[b, i])) for j in valid if j != i)
                for i in valid
            ])
            k = len(valid) if topk is None else min(topk, len(valid))
            total = total + per_landmark.sort(descending=True).values[:k].mean()
        counted += max(sizes) >= 2
    return total / max(counted, 1)


@pytest.fixture(name='pairwise_loss', scope='session')
def pairwise_loss_fixture():
    return pairwise_loss
