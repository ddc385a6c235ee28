# The demo's config with the paper's loss, which a sweep of beta needs.
_base_ = '../../../configs/demo/td-hm_efflite0-pcloss_1xb12-600_garments-128x128.py'
model = dict(head=dict(pc_loss=dict(robust=False)))
