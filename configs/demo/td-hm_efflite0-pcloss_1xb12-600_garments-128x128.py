_base_ = ['td-hm_efflite0_1xb12-600_garments-128x128.py', '../_base_/pcloss/fashionai.py']
integral = dict(alpha=_base_.small_alpha)
# What did best on generated garments (docs/evidence.md), in the place of the paper's form.
pc_loss = dict(_base_.pc_loss, robust=True, loss_weight=1e-3)
model = dict(head=dict(type='PCHeatmapHead', integral=integral, pc_loss=pc_loss))
