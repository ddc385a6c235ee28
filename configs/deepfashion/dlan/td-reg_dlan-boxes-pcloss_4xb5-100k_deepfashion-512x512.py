_base_ = ['td-reg_dlan-boxes_4xb5-100k_deepfashion-512x512.py', '../../_base_/pcloss/deepfashion.py']
# Ours: the weight of FashionNet's tuned config, here at every step (docs/loss.md). Its share is not yet measured.
pc_loss = dict(_base_.pc_loss, loss_weight=0.03)
model = dict(head=dict(type='PCDLANHead', pc_loss=pc_loss))
