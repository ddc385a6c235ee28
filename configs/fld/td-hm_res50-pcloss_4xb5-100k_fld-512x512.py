_base_ = 'td-hm_res50_4xb5-100k_fld-512x512.py'
model = dict(
    head=dict(
        type='PCHeatmapHead',
        integral=dict(alpha=10.),  # the paper's 0.1 at a heatmap peak of 100
        pc_loss=dict(
            type='PCLoss', topk=4, partition='left_right', metainfo=_base_.dataset_type, loss_weight=1.6e-5)))
