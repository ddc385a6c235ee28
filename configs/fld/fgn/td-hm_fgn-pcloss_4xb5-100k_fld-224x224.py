_base_ = ['td-hm_fgn_4xb5-100k_fld-224x224.py', '../../_base_/pcloss/fld_tuned.py']
model = dict(head=dict(type='PCFGNHead', integral=_base_.integral, pc_loss=_base_.pc_loss))
