_base_ = ['td-reg_fashionnet_4xb5-100k_deepfashion-512x512.py', '../../_base_/pcloss/deepfashion.py']
pc_loss = dict(_base_.pc_loss, loss_weight=0.03)  # ours, beside FashionNet's L2 loss (docs/loss.md)
model = dict(head=dict(type='PCFashionNetHead', pc_loss=pc_loss))
