"""KServe's REST client against a server; prints what each call gave, as one JSON object."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL = sys.argv[1]


async def main():
    """Each call once."""
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30, retries=0))
    results = {}

    async def record(name, call):
        try:
            results[name] = {"ok": await call}
        except Exception as error:
            results[name] = {"error": str(error)}

    image = np.arange(128, dtype=np.float32).reshape(2, 1, 8, 8) / 128
    texts = np.array([["a", "b", "grüße"]], dtype=np.object_)

    async def infer(model, name, data, datatype, binary, outputs=None):
        made = InferInput(name, list(data.shape), datatype)
        made.set_data_from_numpy(data, binary_data=binary)
        request = InferRequest(model_name=model, infer_inputs=[made], request_id="seven", request_outputs=outputs)
        reply = await client.infer(URL, request, model_name=model)
        values = reply.outputs[0].as_numpy()
        flat = [x.decode() if isinstance(x, bytes) else x for x in values.flatten().tolist()]
        return {"id": reply.id, "data": flat}

    await record("is_server_live", client.is_server_live(URL))
    await record("is_server_ready", client.is_server_ready(URL))
    await record("is_model_ready", client.is_model_ready(URL, "digits"))
    await record("is_model_ready unknown", client.is_model_ready(URL, "nobody"))
    for form in ["binary", "json"]:
        binary = form == "binary"
        await record(f"infer {form}", infer("digits", "image", image, "FP32", binary))
        await record(f"infer strings {form}", infer("string", "input", texts, "BYTES", binary))
    await record("infer wrong", infer("digits", "image", image[:, :, :4], "FP32", True))
    await record("infer unknown", infer("nobody", "image", image, "FP32", True))
    print(json.dumps(results))
    await client.close()


asyncio.run(main())
