_base_ = ['rtmpose-m_4xb256-100e_deepfashion2-256x192.py', '../../_base_/pcloss/deepfashion2-simcc.py']
model = dict(head=dict(pc_loss=_base_.pc_loss))
