# FGN on generated garments, small. The chains are ours: the original has eight landmarks.
_base_ = '../evidence/garments_96x96.py'
codec = dict(heatmap_size=(12, 12), sigma=1.)  # an eighth of the input, as in the original
encoder = dict(_base_.encoder, **codec)
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=encoder)]),
    backbone=dict(out_indices=(2, )),
    head=dict(
        _delete_=True,
        type='PCFGNHead',
        in_channels=40,
        out_channels=24,
        metainfo='FashionAIDataset',
        chains=[[name.format(side) for name in chain] for side in ('left', 'right') for chain in (
            ('neckline_{}', 'shoulder_{}', 'cuff_{}_out'), ('armpit_{}', 'cuff_{}_in'),
            ('neckline_{}', 'armpit_{}', 'waistline_{}', 'top_hem_{}'), ('waistline_{}', 'hemline_{}'),
            ('waistband_{}', 'bottom_{}_out'), ('crotch', 'bottom_{}_in'))],
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=encoder,
        integral=dict(alpha=30.),
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo='FashionAIDataset', loss_weight=1e-3)))
