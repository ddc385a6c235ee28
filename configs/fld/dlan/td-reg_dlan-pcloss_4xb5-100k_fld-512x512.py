_base_ = ['td-reg_dlan_4xb5-100k_fld-512x512.py', '../../_base_/pcloss/fld.py']
# Ours, since the paper has no DLAN with PCLoss: a weight that gives PCLoss 0.4 of the gradient (pc_share, measured on
# photographs; docs/systems.md).
pc_loss = dict(_base_.pc_loss, loss_weight=0.02)
model = dict(head=dict(type='PCDLANHead', pc_loss=pc_loss))
