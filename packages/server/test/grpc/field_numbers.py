"""Prints every message of tritonclient's and MLServer's stubs: the numbers of the fields, and their types."""

import json
import sys


def numbers(descriptor, found):
    """Collects a message and those inside it."""
    if descriptor.GetOptions().map_entry:
        return
    found[descriptor.full_name.removeprefix("inference.")] = {
        field.name: [field.number, field.type, field.is_repeated] for field in descriptor.fields
    }
    for nested in descriptor.nested_types:
        numbers(nested, found)


module = __import__(sys.argv[1], fromlist=["DESCRIPTOR"])
files = [module.DESCRIPTOR, *module.DESCRIPTOR.dependencies]
messages: dict[str, dict] = {}
methods = {}
for file in files:
    for descriptor in file.message_types_by_name.values():
        numbers(descriptor, messages)
    for service in file.services_by_name.values():
        for method in service.methods:
            methods[method.name] = [
                method.input_type.name,
                method.output_type.name,
                method.client_streaming,
                method.server_streaming,
            ]
print(json.dumps({"messages": messages, "methods": methods}))
