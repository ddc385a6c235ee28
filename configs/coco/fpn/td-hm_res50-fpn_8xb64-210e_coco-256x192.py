_base_ = ['../spb/td-hm_res50_8xb64-210e_coco-256x192.py', '../../_base_/models/fpn.py']
model = _base_.fpn
