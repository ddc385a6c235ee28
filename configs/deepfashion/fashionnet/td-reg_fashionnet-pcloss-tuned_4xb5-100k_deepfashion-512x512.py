_base_ = 'td-reg_fashionnet-pcloss_4xb5-100k_deepfashion-512x512.py'
model = dict(head=dict(pc_loss=dict(loss_weight=3e-2)))
