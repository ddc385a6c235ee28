_base_ = ['td-reg_fashionnet_4xb5-100k_fld-512x512.py', '../../_base_/pcloss/fld.py']
# The paper's beta: beside FashionNet's squared error units cancel, if the paper averages it too. PCLoss then has 0.0002
# of the gradient (pc_share), which does nothing (docs/loss.md).
pc_loss = dict(_base_.pc_loss, loss_weight=1e-5)
model = dict(head=dict(type='PCFashionNetHead', pc_loss=pc_loss))
