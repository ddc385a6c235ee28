_base_ = ['td-hm_efflite0_1xb12-600_deepfashion-160x160.py', '../../_base_/pcloss/deepfashion.py']
# Ours: at the paper's alpha of 10 the background outweighs the low peaks of a small model (docs/loss.md).
integral = dict(alpha=30.)
pc_loss = dict(_base_.pc_loss, loss_weight=3e-4)
model = dict(head=dict(type='PCHeatmapHead', integral=integral, pc_loss=pc_loss))
