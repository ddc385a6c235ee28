_base_ = ['td-hm_hrnet-w32_4xb64-100e_deepfashion2-256x192.py', '../../_base_/pcloss/deepfashion2.py']
model = dict(head=dict(integral=_base_.integral, pc_loss=_base_.pc_loss))
