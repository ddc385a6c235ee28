_base_ = ['td-hm_res50-fpn_8xb64-210e_coco-256x192.py', '../../_base_/pcloss/coco_tuned.py']
model = dict(head=dict(type='PCHeatmapHead', integral=_base_.integral, pc_loss=_base_.pc_loss))
