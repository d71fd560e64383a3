"""Requests as MLServer's codecs make them; prints what each gave, as one JSON object."""

import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RequestOutput

URL = sys.argv[1]


def send(path, body=None):
    """Status and body of a reply."""
    try:
        with urlopen(Request(URL + path, data=body, headers={"Content-Type": "application/json"})) as reply:
            return reply.status, reply.read()
    except HTTPError as error:
        return error.code, error.read()


def infer(model, request):
    """A reply as MLServer's own type."""
    status, body = send(f"/v2/models/{model}/infer", request.model_dump_json().encode())
    assert status == 200, body
    return InferenceResponse.model_validate_json(body)


image = np.arange(128, dtype=np.float32).reshape(2, 1, 8, 8) / 128
encoded = NumpyCodec.encode_input("image", image)
request = InferenceRequest(id="seven", inputs=[encoded], outputs=[RequestOutput(name="logits")])
reply = infer("digits", request)
texts = InferenceRequest(inputs=[StringCodec.encode_input("input", ["a", "b", "grüße"], use_bytes=False)])
texts.inputs[0].shape = [1, 3]
reversed_texts = infer("string", texts).outputs[0]
status, metadata = send("/v2/models/digits")
wrong, message = send("/v2/models/nobody/infer", request.model_dump_json().encode())
print(
    json.dumps(
        {
            "id": reply.id,
            "logits": NumpyCodec.decode_output(reply.outputs[0]).flatten().tolist(),
            "whole": NumpyRequestCodec.decode_response(reply).shape,
            "texts": StringCodec.decode_output(reversed_texts),
            "metadata": MetadataModelResponse.model_validate_json(metadata).inputs[0].shape,
            "wrong": [wrong, json.loads(message)["code"]],
        }
    )
)
