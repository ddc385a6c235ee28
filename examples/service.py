"""A service that finds the landmarks of a photograph, with a model that `pcloss export` wrote.

    pip install onnxruntime opencv-python-headless fastapi uvicorn
    MODEL=model.onnx uvicorn --app-dir examples service:app
    curl --data-binary @photo.jpg 'localhost:8000/landmarks?box=90,60,390,580'

Answers {"landmarks": {"left_neck": [x, y, score], ...}} in pixels of the image. Without a box, the whole image is
taken.
"""

import os

import cv2
import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from onnx_predict import load_model, predict

LARGEST = 20_000_000  # bytes of a photograph

SESSION, RULE = load_model(os.environ['MODEL'])
app = FastAPI(title='Landmarks')


@app.post('/landmarks')
async def landmarks(request: Request, box: str = ''):
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST:
            raise HTTPException(413, f'the photograph has more than {LARGEST:,} bytes')
    return await run_in_threadpool(find, bytes(content), box)


def find(content, box):
    """The answer for one photograph."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise HTTPException(400, 'the body is not an image that OpenCV can read')
    points, scores = predict(SESSION, RULE, [image], [corners(box, image.shape)])
    return {'landmarks': {name: [round(float(x), 1), round(float(y), 1), round(float(score), 3)]
                          for name, (x, y), score in zip(RULE['landmarks'], points[0], scores[0])}}


def corners(text, shape):
    """x1, y1, x2, y2 of a box, or of the whole image."""
    if not text:
        return [0, 0, shape[1], shape[0]]
    try:
        box = [float(part) for part in text.split(',')]
        if len(box) == 4 and np.isfinite(box).all() and box[0] < box[2] and box[1] < box[3]:
            return box
    except ValueError:
        pass
    raise HTTPException(400, f'box={text}: write the left upper and the right lower corner, as x1,y1,x2,y2 in pixels')
