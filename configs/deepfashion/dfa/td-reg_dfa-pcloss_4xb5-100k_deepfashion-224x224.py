# Ours, since the paper has no DFA with PCLoss: a weight that gives PCLoss 0.37 of the gradient (pc_share, measured on
# photographs; docs/systems.md).
_base_ = ['td-reg_dfa_4xb5-100k_deepfashion-224x224.py', '../../_base_/pcloss/deepfashion.py']
pc_loss = dict(_base_.pc_loss, loss_weight=0.02)
model = dict(head=dict(type='PCDFAHead', pc_loss=pc_loss))
