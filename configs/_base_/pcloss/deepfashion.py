# The paper: k 4, beta 1e-5. A side has four landmarks, so that k picks all of them.
_base_ = 'fashionai.py'
paper_beta = 1e-5
pc_loss = dict(topk=4, metainfo='DeepFashionAttributeDataset', loss_weight=paper_beta * _base_.weight_per_beta)
