_base_ = ['td-hm_res50-fpn_4xb5-100k_fashionai-512x512.py', '../../_base_/pcloss/fashionai_tuned.py']
model = dict(head=dict(type='PCHeatmapHead', integral=_base_.integral, pc_loss=_base_.pc_loss))
