# The same without PCLoss.
_base_ = '../../../configs/demo/td-hm_efflite0_1xb12-600_garments-128x128.py'
