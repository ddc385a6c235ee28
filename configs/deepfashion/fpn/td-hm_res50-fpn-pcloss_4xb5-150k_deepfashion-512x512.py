_base_ = ['td-hm_res50-fpn_4xb5-150k_deepfashion-512x512.py', '../../_base_/pcloss/deepfashion.py']
model = dict(head=dict(type='PCHeatmapHead', integral=_base_.integral, pc_loss=_base_.pc_loss))
