# Ours: a weight that gives PCLoss 0.33 of the gradient (pc_share, measured on photographs; docs/loss.md).
_base_ = 'td-reg_fashionnet-pcloss_4xb5-100k_deepfashion-512x512.py'
model = dict(head=dict(pc_loss=dict(loss_weight=0.03)))
