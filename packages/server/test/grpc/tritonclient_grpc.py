"""Every call of tritonclient.grpc against a server; prints what each gave, as one JSON object."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException

ADDRESS, TOKEN = sys.argv[1:]
results = {}


def record(name, call):
    """Keeps what a call gives, or the status and message that it raises."""
    try:
        results[name] = {"ok": call()}
    except InferenceServerException as error:
        results[name] = {"status": error.status(), "message": error.message()}


def tensor(name, data, datatype=None):
    """An input with its data in binary form."""
    data = np.asarray(data)
    kinds = {"f4": "FP32", "i8": "INT64", "O": "BYTES"}
    given = datatype or kinds[data.dtype.str.lstrip("<|")]
    made = grpcclient.InferInput(name, list(data.shape), given)
    made.set_data_from_numpy(data)
    return made


def answer(result, *names):
    """Outputs as lists, strings decoded."""
    read = {name: result.as_numpy(name) for name in names}
    texts = {
        "O": lambda value: [text.decode() for text in value.flatten()],
        "i": lambda value: [str(x) for x in value.flat],
    }
    return {name: texts.get(value.dtype.kind, np.ndarray.tolist)(value) for name, value in read.items()}


client = grpcclient.InferenceServerClient(ADDRESS)
bearer = {"authorization": f"Bearer {TOKEN}"}
image = np.arange(128, dtype=np.float32).reshape(2, 1, 8, 8) / 128

record("is_server_live", client.is_server_live)
record("is_server_ready", client.is_server_ready)
record("is_model_ready", lambda: client.is_model_ready("digits"))
record("is_model_ready version", lambda: client.is_model_ready("digits", "1.0.0"))
record("is_model_ready unknown", lambda: client.is_model_ready("nobody"))
record("is_model_ready unknown version", lambda: client.is_model_ready("digits", "9"))
record("get_server_metadata", lambda: client.get_server_metadata(as_json=True))
record("get_model_metadata", lambda: client.get_model_metadata("digits", as_json=True))
record("get_model_metadata unknown", lambda: client.get_model_metadata("nobody", as_json=True))
record("get_model_config", lambda: client.get_model_config("digits", as_json=True))
record("get_model_repository_index", lambda: client.get_model_repository_index(as_json=True))

# Inference.
record("infer", lambda: answer(client.infer("digits", [tensor("image", image)]), "logits"))
record("infer id", lambda: client.infer("digits", [tensor("image", image)], request_id="seven").get_response().id)
record(
    "infer outputs",
    lambda: answer(
        client.infer("digits", [tensor("image", image)], outputs=[grpcclient.InferRequestedOutput("logits")]),
        "logits",
    ),
)
record(
    "infer classification",
    lambda: answer(
        client.infer(
            "digits", [tensor("image", image)], outputs=[grpcclient.InferRequestedOutput("logits", class_count=2)]
        ),
        "logits",
    ),
)
record(
    "infer strings",
    lambda: answer(
        client.infer("string", [tensor("input", np.array([["a", "", "grüße"]], dtype=np.object_))]), "reversed"
    ),
)
big = np.array([2**53 + 1, -(2**63), 2**63 - 1], dtype=np.int64)
record("infer int64", lambda: answer(client.infer("int64", [tensor("input", big[None])]), "reversed"))
record(
    "infer gzip",
    lambda: answer(client.infer("digits", [tensor("image", image)], compression_algorithm="gzip"), "logits"),
)
record(
    "infer deflate",
    lambda: answer(client.infer("digits", [tensor("image", image)], compression_algorithm="deflate"), "logits"),
)
slow = np.ones((256, 1), dtype=np.float32)
record("infer timeout parameter", lambda: client.infer("slow", [tensor("input", slow)], timeout=1000) and None)
record("infer client_timeout", lambda: client.infer("slow", [tensor("input", slow)], client_timeout=0.005) and None)
record(
    "infer parameters", lambda: answer(client.infer("digits", [tensor("image", image)], parameters={"a": 1}), "logits")
)
record("infer wrong shape", lambda: client.infer("digits", [tensor("image", image[:, :, :4])]) and None)
record("infer wrong name", lambda: client.infer("digits", [tensor("picture", image)]) and None)
record(
    "infer unknown output",
    lambda: client.infer("digits", [tensor("image", image)], outputs=[grpcclient.InferRequestedOutput("x")]) and None,
)
record("infer unknown model", lambda: client.infer("nobody", [tensor("image", image)]) and None)
record("infer unknown version", lambda: client.infer("digits", [tensor("image", image)], model_version="9") and None)
record("infer sequence", lambda: client.infer("digits", [tensor("image", image)], sequence_id=5) and None)

shared = grpcclient.InferInput("image", [2, 1, 8, 8], "FP32")
shared.set_shared_memory("region", 512)
record("infer shared memory", lambda: client.infer("digits", [shared]) and None)

answers = queue.Queue()


def keep(result, error):
    """For the calls that call back."""
    answers.put((result, error))


client.async_infer("digits", [tensor("image", image)], keep)
result, error = answers.get(timeout=30)
results["async_infer"] = {"ok": answer(result, "logits")} if error is None else {"message": error.message()}

client.start_stream(callback=keep)
for number in range(20):
    client.async_stream_infer("digits", [tensor("image", image * number)], request_id=str(number))
client.async_stream_infer("nobody", [tensor("image", image)], request_id="bad")
client.async_stream_infer("digits", [tensor("image", image)], request_id="last", enable_empty_final_response=True)
streamed = []
for _ in range(22):
    result, error = answers.get(timeout=30)
    if error is not None:
        streamed.append(["error", error.message()])
        continue
    response = result.get_response()
    final = response.parameters["triton_final_response"].bool_param
    streamed.append([response.id, result.as_numpy("logits")[0].tolist(), final])
client.stop_stream()
results["stream"] = {"ok": streamed}

# Statistics, after the last of these requests.
record("get_inference_statistics", lambda: client.get_inference_statistics("digits", as_json=True))
record("get_inference_statistics all", lambda: len(client.get_inference_statistics(as_json=True)["model_stats"]))
record("get_inference_statistics unknown", lambda: client.get_inference_statistics("nobody", as_json=True))

# The repository.
record("unload_model without token", lambda: client.unload_model("string"))
record("load_model without token", lambda: client.load_model("string"))
record("unload_model", lambda: client.unload_model("string", headers=bearer))
record("is_model_ready unloaded", lambda: client.is_model_ready("string"))
record(
    "infer unloaded",
    lambda: client.infer("string", [tensor("input", np.array([["a", "b", "c"]], dtype=np.object_))]) and None,
)
record("load_model", lambda: client.load_model("string", headers=bearer))
record("is_model_ready loaded", lambda: client.is_model_ready("string"))
record("load_model config", lambda: client.load_model("string", headers=bearer, config="{}"))
record("load_model unknown", lambda: client.load_model("nobody", headers=bearer))
record("unload_model unknown", lambda: client.unload_model("nobody", headers=bearer))

# What is not done here.
record("update_trace_settings", lambda: client.update_trace_settings(settings={"trace_rate": "1"}) and None)
record("get_trace_settings", lambda: client.get_trace_settings() and None)
record("update_log_settings", lambda: client.update_log_settings({"log_info": True}) and None)
record("get_log_settings", lambda: client.get_log_settings() and None)
record("get_system_shared_memory_status", lambda: client.get_system_shared_memory_status() and None)
record("register_system_shared_memory", lambda: client.register_system_shared_memory("r", "/r", 8))
record("unregister_system_shared_memory", lambda: client.unregister_system_shared_memory("r"))
record("get_cuda_shared_memory_status", lambda: client.get_cuda_shared_memory_status() and None)
record("register_cuda_shared_memory", lambda: client.register_cuda_shared_memory("r", b"", 0, 8))
record("unregister_cuda_shared_memory", lambda: client.unregister_cuda_shared_memory("r"))

calls = [name for name in dir(client) if not name.startswith("_")]
print(json.dumps({"results": results, "calls": calls}))
