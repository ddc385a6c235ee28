_base_ = ['td-hm_efflite0_1xb12-600_garments-128x128.py', '../_base_/pcloss/fashionai.py']
integral = dict(alpha=_base_.small_alpha)
pc_loss = dict(_base_.pc_loss, loss_weight=_base_.small_weight)
model = dict(head=dict(type='PCHeatmapHead', integral=integral, pc_loss=pc_loss))
