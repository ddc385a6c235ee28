_base_ = 'td-reg_fashionnet_4xb5-100k_deepfashion-512x512.py'
model = dict(
    head=dict(
        type='PCRegressionHead',
        pc_loss=dict(
            type='PCLoss', topk=4, partition='left_right', metainfo=_base_.dataset_type, loss_weight=0.03)))
