_base_ = ['../spb/td-hm_res50_4xb5-100k_fld-512x512.py', '../../_base_/models/fpn.py']
model = _base_.fpn
