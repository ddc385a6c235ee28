"""What MMPose needs of xtcocotools, made of pycocotools: ``compat.stand_in_for_xtcocotools`` says when and why.

It gives the same figures for keypoints, with any sigmas, and with or without ``area``. This is a module, not a part of
that function, so that a data set which holds a ``COCO`` can be pickled.
"""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
from pycocotools import coco, cocoeval

from .errors import MissingPackageError


class COCO(coco.COCO):
    """pycocotools' index, for annotations without ``iscrowd`` and for no results at all as well."""

    def createIndex(self) -> None:
        for ann in self.dataset.get('annotations', []):
            ann.setdefault('iscrowd', 0)
        super().createIndex()

    def loadRes(self, resFile):
        if isinstance(resFile, str):
            with open(resFile) as file:
                resFile = json.load(file)
        if len(resFile):
            return super().loadRes(resFile)
        empty = COCO()
        empty.dataset = dict(self.dataset, annotations=[])
        empty.createIndex()
        return empty


class COCOeval(cocoeval.COCOeval):
    """pycocotools' evaluation of keypoints, called as xtcocotools' is.

    Args:
        cocoGt, cocoDt: The truth, and what its ``loadRes`` gave.
        iouType: Only ``'keypoints'``.
        sigmas: Each landmark's sigma in the OKS, (K,). ``None`` is for COCO's 17.
        use_area: Whether an instance's size is its ``area``, or else 0.53 of its box.

    Raises:
        MissingPackageError: Another ``iouType``.
    """

    def __init__(self, cocoGt=None, cocoDt=None, iouType='keypoints', sigmas=None, use_area=True) -> None:
        if iouType != 'keypoints':
            raise MissingPackageError(
                f"only xtcocotools evaluates '{iouType}' (CrowdPose, whole-body AP), and it cannot be imported here. "
                'Its wheels are for numpy 1 and Python up to 3.11; docs/install.md says what to do on a later one.')
        super().__init__(cocoGt, cocoDt, iouType)
        if sigmas is not None:
            self.params.kpt_oks_sigmas = np.asarray(sigmas)
        self.use_area = use_area

    def _prepare(self) -> None:
        chosen = dict(imgIds=self.params.imgIds, catIds=self.params.catIds if self.params.useCats else [])
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        self.evalImgs, self.eval = defaultdict(list), {}
        # Numbered from 1, because pycocotools takes a match with the id 0 for none.
        for number, gt in enumerate(self.cocoGt.loadAnns(self.cocoGt.getAnnIds(**chosen)), 1):
            area = gt['area'] if self.use_area else gt['bbox'][3] * gt['bbox'][2] * 0.53
            labelled = any(flag > 0 for flag in gt['keypoints'][2::3])
            self._gts[gt['image_id'], gt['category_id']].append(
                dict(gt, id=number, area=area, ignore=gt['iscrowd'] or not labelled))
        for number, dt in enumerate(self.cocoDt.loadAnns(self.cocoDt.getAnnIds(**chosen)), 1):
            if any(score > 0 for score in dt['keypoints'][2::3]):
                self._dts[dt['image_id'], dt['category_id']].append(dict(dt, id=number))
