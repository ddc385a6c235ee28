# DeepFashion2, 294 landmarks; the codec comes with what this is a base of. Ours, since the benchmark prescribes nothing
# but its evaluation:
# - MMPose's crop, which keeps the shape of the box and pads it by a quarter; scale +-25 %, rotation +-30 degrees, flip
# - every labelled landmark trains, occluded ones too, as they count in the published figures
dataset_type = 'DeepFashion2Dataset'
data_mode = 'topdown'  # MMPoseInferencer asks for it
data_root = '{{$DEEPFASHION2_ROOT:data/deepfashion2}}'
# A detector's boxes, for the test: a path below data_root, or an absolute one.
bbox_file = None if '{{$DEEPFASHION2_BOXES:annotated}}' == 'annotated' else '{{$DEEPFASHION2_BOXES:annotated}}'

train_pipeline = [
    dict(type='LoadImageStrict'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=30, rotate_prob=1),
    dict(type='TopdownAffine', input_size=(192, 256)),
    dict(type='PackPoseInputs', pack_transformed=True),
]
val_pipeline = [
    dict(type='LoadImageStrict'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(192, 256)),
    dict(type='PackPoseInputs'),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type, data_root=data_root, ann_file='train/annos', data_prefix=dict(img='train/image'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, ann_file='validation/annos', data_prefix=dict(img='validation/image'),
        pipeline=val_pipeline, test_mode=True))
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader['dataset'], bbox_file=bbox_file))

val_evaluator = [dict(type='DeepFashion2AP', subsets=False), dict(type='NormalizedError', norm='box', landmarks=False)]
# A detector's boxes have no landmarks: AP takes them from the annotations, and NE has nothing to compare with.
test_evaluator = ([dict(type='DeepFashion2AP', ann_file=f'{data_root}/validation/annos')] if bbox_file else
                  [dict(type='DeepFashion2AP'), dict(type='NormalizedError', norm='box', landmarks=False)])
