_base_ = ['td-hm_efflite0_1xb12-600_garments-128x128.py', '../_base_/pcloss/fashionai.py']
# Ours: at the paper's alpha of 10 the background outweighs the low peaks of a small model, and lengths do better than
# squares (docs/evidence.md).
integral = dict(alpha=30.)
pc_loss = dict(_base_.pc_loss, robust=True, loss_weight=3e-4)
model = dict(head=dict(type='PCHeatmapHead', integral=integral, pc_loss=pc_loss))
