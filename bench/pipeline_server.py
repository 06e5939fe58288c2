"""transformers' pipeline behind FastAPI, as people usually write it: one text a call. `pipeline_server.py FOLDER PORT`.

One call runs at a time: several calls at once would compete for the cores and be slower.
"""

import sys
import threading

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

LENGTH = 128  # tokens; longer texts are cut

app = FastAPI()
one_at_a_time = threading.Lock()


class Body(BaseModel):
    inputs: str


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/")
def answer(body: Body) -> list[list[dict[str, str | float]]]:
    with one_at_a_time:
        return classify([body.inputs], truncation=True, max_length=LENGTH)


if __name__ == "__main__":
    folder, port = sys.argv[1:]
    classify = pipeline("text-classification", model=folder, dtype=torch.float32, device="cpu", top_k=None)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
