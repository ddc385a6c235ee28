# Ours: a weight that gives PCLoss 0.33 of the gradient (pc_share, measured on generated garments; docs/loss.md).
_base_ = 'td-reg_fashionnet-pcloss_4xb5-100k_fashionai-512x512.py'
model = dict(head=dict(pc_loss=dict(loss_weight=0.01)))
