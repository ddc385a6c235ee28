"""Classes that nobody annotated: clusters of what a training sees."""

from __future__ import annotations

import warnings

import torch
from mmengine.dist import all_gather
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn


class PseudoLabels(nn.Module):
    """k-means clusters of the last vectors that were observed, fitted whenever ``memory`` of them are new.

    The first fit starts from k-means++, each later one from the centres before it, so that a label keeps its meaning.
    Centres and memory are buffers: a resumed training goes on with them, and all processes have the same.

    Args:
        num_labels: Number of clusters.
        size: D, length of a vector.
        memory: Number of vectors that a fit takes.
    """

    def __init__(self, num_labels: int, size: int, memory: int) -> None:
        super().__init__()
        self.register_buffer('centres', torch.zeros(num_labels, size))
        self.register_buffer('memory', torch.zeros(memory, size))
        self.register_buffer('filled', torch.zeros((), dtype=torch.long))
        self.register_buffer('fitted', torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def observe(self, vectors: Tensor) -> None:
        """Keep (B, D) vectors, of all processes, and fit when the memory is full."""
        vectors = torch.cat(all_gather(vectors.detach().float().contiguous()))
        start, space = int(self.filled), len(self.memory) - int(self.filled)
        self.memory[start:start + len(vectors)] = vectors[:space]
        self.filled += min(len(vectors), space)
        if self.filled == len(self.memory):
            self._fit()
            self.filled.zero_()

    def _fit(self) -> None:
        start = self.centres.cpu().numpy() if self.fitted else len(self.centres)
        with warnings.catch_warnings():  # of an empty cluster, which keeps its centre
            warnings.simplefilter('ignore')
            centres, _ = kmeans2(self.memory.cpu().numpy(), start, minit='++', seed=0)
        self.centres.copy_(torch.from_numpy(centres))
        self.fitted.fill_(True)

    def distances(self, vectors: Tensor) -> Tensor:
        """(B, num_labels) distances of (B, D) vectors from the centres."""
        return torch.cdist(vectors.detach().float(), self.centres)
