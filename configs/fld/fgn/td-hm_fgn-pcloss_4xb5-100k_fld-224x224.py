_base_ = ['td-hm_fgn_4xb5-100k_fld-224x224.py', '../../_base_/pcloss/fld_tuned.py']
# Ours, since the paper has no FGN with PCLoss: a weight that gives PCLoss 0.31 to 0.37 of the gradient (pc_share,
# measured on photographs; docs/systems.md).
pc_loss = dict(_base_.pc_loss, loss_weight=6e-4)
model = dict(head=dict(type='PCFGNHead', integral=_base_.integral, pc_loss=pc_loss))
