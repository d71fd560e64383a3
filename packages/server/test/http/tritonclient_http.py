"""Every call of tritonclient.http against a server; prints what each gave, as one JSON object."""

import json
import sys

import numpy as np
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

ADDRESS, TOKEN = sys.argv[1:]
results = {}


def record(name, call):
    """Keeps what a call gives, or the status and message that it raises."""
    try:
        results[name] = {"ok": call()}
    except InferenceServerException as error:
        results[name] = {"status": error.status(), "message": error.message()}


def tensor(name, data, binary=True):
    """An input, in binary form or as JSON."""
    data = np.asarray(data)
    kinds = {"f4": "FP32", "f2": "FP16", "i8": "INT64", "O": "BYTES", "b1": "BOOL"}
    made = httpclient.InferInput(name, list(data.shape), kinds[data.dtype.str.lstrip("<|")])
    made.set_data_from_numpy(data, binary_data=binary)
    return made


def answer(result, name):
    """An output as a list; strings decoded, large integers in digits."""
    value = result.as_numpy(name)
    if value.dtype.kind == "O":
        # Of a JSON reply they are text already.
        return [text.decode() if isinstance(text, bytes) else text for text in value.flatten()]
    if value.dtype.kind == "i":
        return [str(number) for number in value.flatten()]
    return [x if np.isfinite(x) else str(x) for x in value.astype(np.float64).flatten().tolist()]


def wanted(name, **options):
    """A requested output."""
    return [httpclient.InferRequestedOutput(name, **options)]


client = httpclient.InferenceServerClient(ADDRESS, concurrency=4)
bearer = {"Authorization": f"Bearer {TOKEN}"}
image = np.arange(128, dtype=np.float32).reshape(2, 1, 8, 8) / 128


def infer(model="digits", inputs=None, output="logits", **options):
    """One inference and what it answers."""
    return answer(client.infer(model, inputs or [tensor("image", image)], **options), output)


record("is_server_live", client.is_server_live)
record("is_server_ready", client.is_server_ready)
record("is_model_ready", lambda: client.is_model_ready("digits"))
record("is_model_ready version", lambda: client.is_model_ready("digits", "1.0.0"))
record("is_model_ready unknown", lambda: client.is_model_ready("nobody"))
record("is_model_ready unknown version", lambda: client.is_model_ready("digits", "9"))
record("get_server_metadata", client.get_server_metadata)
record("get_model_metadata", lambda: client.get_model_metadata("digits"))
record("get_model_metadata version", lambda: client.get_model_metadata("digits", "1.0.0")["name"])
record("get_model_metadata unknown", lambda: client.get_model_metadata("nobody"))
record("get_model_config", lambda: client.get_model_config("digits"))
record("get_model_config unknown", lambda: client.get_model_config("nobody", "1"))
record("get_model_repository_index", client.get_model_repository_index)

record("infer", infer)
record("infer version", lambda: infer(model_version="1.0.0"))
record("infer json", lambda: infer(inputs=[tensor("image", image, binary=False)]))
record("infer json output", lambda: infer(outputs=wanted("logits", binary_data=False)))
record("infer binary output", lambda: infer(outputs=wanted("logits")))
record("infer query", lambda: infer(query_params={"a": "b", "c": ["d", "e"]}))
record("infer parameters", lambda: infer(parameters={"mine": 1}, priority=1))
record("infer id", lambda: client.infer("digits", [tensor("image", image)], request_id="seven").get_response()["id"])
record("infer classification", lambda: infer(outputs=wanted("logits", class_count=2)))
record("infer classification json", lambda: infer(outputs=wanted("logits", class_count=2, binary_data=False)))
for algorithm in ["gzip", "deflate"]:
    record(f"infer {algorithm}", lambda a=algorithm: infer(request_compression_algorithm=a))
    record(f"infer {algorithm} reply", lambda a=algorithm: infer(response_compression_algorithm=a))
many = np.resize(image, (400, 1, 8, 8))
record(
    "infer large gzip",
    lambda: infer(
        inputs=[tensor("image", many)], request_compression_algorithm="gzip", response_compression_algorithm="gzip"
    )[:20],
)

texts = np.array([["a", "", "grüße"]], dtype=np.object_)
integers = np.array([[2**53 + 1, -(2**63), 2**63 - 1]], dtype=np.int64)
halves = np.array([[0.5, 65504, 0.1]], dtype=np.float16)
bools = np.array([[True, False, True]])
floats = np.array([[0.1, np.nan, -np.inf]], dtype=np.float32)
for form, options in {"binary": {}, "json": {"binary": False}}.items():
    outputs = wanted("reversed", binary_data=form == "binary")
    for model, data in {
        "string": texts,
        "int64": integers,
        "bool": bools,
        "float16": halves,
        "float32": floats,
    }.items():
        if form == "json" and model == "float32":
            data = data[:, :1].repeat(3, axis=1)
        record(
            f"infer {model} {form}",
            lambda m=model, d=data, o=options, w=outputs: infer(m, [tensor("input", d, **o)], "reversed", outputs=w),
        )
record(
    "infer not finite, JSON reply",
    lambda: infer("float32", [tensor("input", floats)], "reversed", outputs=wanted("reversed", binary_data=False)),
)
record("infer not finite, JSON request", lambda: infer("float32", [tensor("input", floats, binary=False)], "reversed"))

slow = np.ones((256, 1), dtype=np.float32)
record("infer timeout", lambda: infer("slow", [tensor("input", slow)], "output", timeout=1000))
record("infer wrong shape", lambda: infer(inputs=[tensor("image", image[:, :, :4])]))
record("infer wrong name", lambda: infer(inputs=[tensor("picture", image)]))
record("infer unknown output", lambda: infer(outputs=wanted("x")))
record("infer unknown model", lambda: infer("nobody"))
record("infer unknown version", lambda: infer(model_version="9"))
record("infer sequence", lambda: infer(sequence_id=5, sequence_start=True))
shared = httpclient.InferInput("image", [2, 1, 8, 8], "FP32")
shared.set_shared_memory("region", 512)
record("infer shared memory", lambda: infer(inputs=[shared]))
output = httpclient.InferRequestedOutput("logits")
output.set_shared_memory("region", 80)
record("infer shared memory output", lambda: infer(outputs=[output]))

requests = [client.async_infer("digits", [tensor("image", image)], request_id=str(number)) for number in range(8)]
record("async_infer", lambda: [answer(request.get_result(), "logits") for request in requests])
body, header_length = httpclient.InferenceServerClient.generate_request_body([tensor("image", image)])
record("generate_request_body", lambda: header_length is not None and len(body) - header_length)
reply = b'{"outputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]}]}'
record("parse_response_body", lambda: answer(client.parse_response_body(reply), "a"))

record("get_inference_statistics", lambda: client.get_inference_statistics("digits"))
record(
    "get_inference_statistics version", lambda: len(client.get_inference_statistics("digits", "1.0.0")["model_stats"])
)
record("get_inference_statistics all", lambda: len(client.get_inference_statistics()["model_stats"]))
record("get_inference_statistics unknown", lambda: client.get_inference_statistics("nobody"))

record("unload_model without token", lambda: client.unload_model("string"))
record("load_model without token", lambda: client.load_model("string"))
record("unload_model", lambda: client.unload_model("string", headers=dict(bearer)))
record("is_model_ready unloaded", lambda: client.is_model_ready("string"))
record("infer unloaded", lambda: infer("string", [tensor("input", texts)], "reversed"))
record("load_model", lambda: client.load_model("string", headers=dict(bearer)))
record("is_model_ready loaded", lambda: client.is_model_ready("string"))
record("unload_model dependents", lambda: client.unload_model("string", headers=dict(bearer), unload_dependents=True))
record("load_model config", lambda: client.load_model("string", headers=dict(bearer), config="{}"))
record("load_model files", lambda: client.load_model("string", dict(bearer), None, "{}", {"file:1/model.onnx": b"x"}))
record("load_model unknown", lambda: client.load_model("nobody", headers=dict(bearer)))
record("unload_model unknown", lambda: client.unload_model("nobody", headers=dict(bearer)))

record("update_trace_settings", lambda: client.update_trace_settings(settings={"trace_rate": "1"}))
record("update_trace_settings model", lambda: client.update_trace_settings("digits", {"trace_rate": "1"}))
record("get_trace_settings", client.get_trace_settings)
record("get_trace_settings model", lambda: client.get_trace_settings("digits"))
record("update_log_settings", lambda: client.update_log_settings({"log_info": True}))
record("get_log_settings", client.get_log_settings)
record("get_system_shared_memory_status", client.get_system_shared_memory_status)
record("get_system_shared_memory_status region", lambda: client.get_system_shared_memory_status("r"))
record("register_system_shared_memory", lambda: client.register_system_shared_memory("r", "/r", 8))
record("unregister_system_shared_memory", lambda: client.unregister_system_shared_memory("r"))
record("unregister_system_shared_memory all", client.unregister_system_shared_memory)
record("get_cuda_shared_memory_status", client.get_cuda_shared_memory_status)
record("register_cuda_shared_memory", lambda: client.register_cuda_shared_memory("r", b"", 0, 8))
record("unregister_cuda_shared_memory", lambda: client.unregister_cuda_shared_memory("r"))

calls = [name for name in dir(client) if not name.startswith("_")]
print(json.dumps({"results": results, "calls": calls}))
client.close()
