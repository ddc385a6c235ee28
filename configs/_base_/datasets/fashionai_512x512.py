# The paper's split of the FashionAI training set, by its rule; the whole picture is the crop.
_base_ = 'crop_512x512.py'
dataset_type = 'FashionAIDataset'
data_root = '{{$FASHIONAI_ROOT:data/fashionai}}'
ann_file = [
    'warm_up_train_20180222/Annotations/annotations.csv', 'fashionAI_key_points_train_20180227/Annotations/train.csv'
]

train_pipeline = _base_.train_pipeline
train_pipeline.insert(1, dict(type='WholeImageBox'))
val_pipeline = _base_.val_pipeline
val_pipeline.insert(1, dict(type='WholeImageBox'))

train_dataloader = dict(
    dataset=dict(
        type=dataset_type, data_root=data_root, ann_file=ann_file, subset='train', pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, ann_file=ann_file, subset='val', pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='NormalizedError', norm='keypoint_pair')
test_evaluator = val_evaluator
