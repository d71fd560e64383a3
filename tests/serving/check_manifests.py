"""Checks YAML documents against published schemas; one line for each thing that is wrong.

python check_manifests.py kubernetes FILE...   Kubernetes' own JSON Schemas, strict (package kubernetes-validate)
python check_manifests.py compose FILE...      the Compose specification, as package compose-spec reads it
python check_manifests.py kserve FILE...       the models that KServe generates from its CRDs (package kserve), with
                                               Kubernetes' models of pods; unknown and missing fields are errors
"""

import re
import sys
from pathlib import Path

import yaml


def documents(paths):
    for path in paths:
        for document in yaml.safe_load_all(Path(path).read_text(encoding="utf8")):
            yield path, document


def check_kubernetes(paths):
    import kubernetes_validate

    for path, document in documents(paths):
        try:
            kubernetes_validate.validate(document, "1.37", strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{path}: {'.'.join(map(str, error.path))}: {error.message}"


def check_compose(paths):
    import compose_spec

    for path in paths:
        try:
            compose_spec.PyCompose.from_yaml(Path(path).read_text(encoding="utf8")).validate()
        except ValueError as error:
            yield f"{path}: {error}"


PLAIN = {"str": str, "int": int, "float": (int, float), "bool": bool}


def model_named(name):
    import kserve.models
    import kubernetes.client

    return getattr(kserve.models, name, None) or getattr(kubernetes.client, name, None)


def problems(value, declared, place):
    container = re.fullmatch(r"list\[(?P<item>.+)\]|dict[(\[]str, (?P<entry>.+)[)\]]", declared)
    if container and container["item"]:
        if not isinstance(value, list):
            yield f"{place}: expected a list"
            return
        for index, item in enumerate(value):
            yield from problems(item, container["item"], f"{place}[{index}]")
    elif container:
        if not isinstance(value, dict):
            yield f"{place}: expected an object"
            return
        for key, entry in value.items():
            yield from problems(entry, container["entry"], f"{place}.{key}")
    elif declared in PLAIN:
        if not isinstance(value, PLAIN[declared]) or (declared == "int" and isinstance(value, bool)):
            yield f"{place}: expected {declared}, got {value!r}"
    elif (model := model_named(declared)) is not None:
        yield from model_problems(value, model, place)
    # Anything else is an object of no declared form, such as a quantity or a port.


def model_problems(value, model, place):
    if not isinstance(value, dict):
        yield f"{place}: expected an object"
        return
    attributes = {field: attribute for attribute, field in model.attribute_map.items()}
    given = {}
    for key, entry in value.items():
        if key not in attributes:
            yield f"{place}: {model.__name__} has no field {key}; it has {', '.join(sorted(attributes))}"
            continue
        given[attributes[key]] = entry
        yield from problems(entry, model.openapi_types[attributes[key]], f"{place}.{key}")
    try:
        # Its setters know which fields must be there, and what they may hold.
        model(**given)
    except ValueError as error:
        yield f"{place}: {error}"


def check_kserve(paths):
    kinds = {"ServingRuntime": "V1alpha1ServingRuntime", "InferenceService": "V1beta1InferenceService"}
    for path, document in documents(paths):
        kind = kinds[document["kind"]]
        version = re.match(r"V1(alpha1|beta1)?", kind)[0].lower()
        if document["apiVersion"] != f"serving.kserve.io/{version}":
            yield f"{path}: apiVersion {document['apiVersion']}"
        yield from (f"{path}: {line}" for line in model_problems(document, model_named(kind), document["kind"]))


if __name__ == "__main__":
    checks = {"compose": check_compose, "kubernetes": check_kubernetes, "kserve": check_kserve}
    found = list(checks[sys.argv[1]](sys.argv[2:]))
    if found:
        print("\n".join(found))
    sys.exit(1 if found else 0)
