# Ours: the paper gives no DFA with PCLoss.
_base_ = ['td-reg_dfa_4xb5-100k_fld-224x224.py', '../../_base_/pcloss/fld.py']
pc_loss = dict(_base_.pc_loss, loss_weight=0.03)
model = dict(head=dict(type='PCDFAHead', pc_loss=pc_loss))
