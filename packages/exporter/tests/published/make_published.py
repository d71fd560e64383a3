"""Writes the JSON files beside it from the installed `tritonclient[grpc]` or `mlserver`."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def triton() -> dict[str, Any]:
    """Every message and enum that `ModelConfig` reaches."""
    from google.protobuf.descriptor import FieldDescriptor
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    names = [name for name in vars(FieldDescriptor) if name.startswith("TYPE_")]
    kinds = {getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower() for name in names}
    messages: dict[str, Any] = {}
    enums: dict[str, Any] = {}

    def visit(message: Any) -> None:
        if message.full_name in messages:
            return
        fields = messages[message.full_name] = {}
        for field in message.fields:
            kind = kinds[field.type]
            if field.message_type:
                visit(field.message_type)
                kind = field.message_type.full_name
            if field.enum_type:
                enums[field.enum_type.full_name] = {value.name: value.number for value in field.enum_type.values}
                kind = field.enum_type.full_name
            fields[field.name] = [field.number, kind, *(["repeated"] if field.is_repeated else [])]

    visit(ModelConfig.DESCRIPTOR)
    return {"enums": enums, "messages": messages}


def mlserver() -> dict[str, Any]:
    from mlserver.settings import ModelSettings

    schema = ModelSettings.model_json_schema()

    def plain(value: Any) -> Any:
        """Without texts for people."""
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key not in ("description", "title")}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return plain(schema)


if __name__ == "__main__":
    package, file, make = {
        "triton": ("tritonclient", "triton_model_config.json", triton),
        "mlserver": ("mlserver", "mlserver_model_settings.json", mlserver),
    }[sys.argv[1]]
    document = {"package": package, "version": importlib.metadata.version(package), **make()}
    (FOLDER / file).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
