_base_ = ['td-reg_fashionnet_4xb5-100k_deepfashion-512x512.py', '../../_base_/pcloss/deepfashion.py']
# The paper's beta: units cancel beside FashionNet's mean squared error, if the paper averages that too.
pc_loss = dict(_base_.pc_loss, loss_weight=1e-5)
model = dict(head=dict(type='PCFashionNetHead', pc_loss=pc_loss))
