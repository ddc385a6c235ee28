# MMPose's own config, schedule and boxes (AP 56.4); the paper does not give a schedule for COCO.
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
data_root = '{{$COCO_ROOT:data/coco}}'
bbox_file = f'{data_root}/person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
train_pipeline = [  # PCLoss needs the packed coordinates, and both arms share all else
    dict(step, pack_transformed=True) if step['type'] == 'PackPoseInputs' else step for step in _base_.train_pipeline
]

train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, bbox_file=bbox_file))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f'{data_root}/annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
