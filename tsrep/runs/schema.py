"""Settings as a JSON schema, for editors, and what each may be in words, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from tsrep.registry import PROTOCOLS, Registry, Settings
from tsrep.runs.config import NAMED, Configuration
from tsrep.runs.evaluation_settings import EvaluationSettings

WORDS = {
    "integer": "whole number",
    "array": "list",
    "object": "mapping",
    "string": "text",
    "name": "name of a registered part",
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithNames(GenerateJsonSchema):
    """A setting that is the name of a registered part may be any of them."""

    def handle_invalid_for_json_schema(self, *_: Any) -> dict[str, Any]:
        return {"type": "name"}


def properties_of(model: type[Settings]) -> dict[str, dict[str, Any]]:
    """Schema of each setting by name; that of a registered part has the type ``name``."""
    found: dict[str, dict[str, Any]] = model.model_json_schema(schema_generator=_WithNames)["properties"]
    return found


def in_words(schema: Mapping[str, Any], quote: str = "`") -> str:
    """What a setting may be.

    Parameters
    ----------
    schema : mapping
        Of :func:`properties_of`.
    quote : str
        Around values.
    """
    if "enum" in schema:
        return ", ".join(f"{quote}{json.dumps(value)}{quote}" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(in_words(each, quote) for each in schema["anyOf"])
    if "const" in schema:
        return f"{quote}{json.dumps(schema['const'])}{quote}"
    if "type" not in schema:
        return "a section of its own"
    words = [WORDS.get(schema["type"], schema["type"])]
    if words == ["list"] and schema.get("items"):
        words.append(f"of {in_words(schema['items'], quote)}")
    if {"minimum", "maximum"} <= schema.keys():
        return " ".join([*words, f"from {schema['minimum']:g} to {schema['maximum']:g}"])
    return " ".join([*words, *(f"{sign} {schema[b]:g}" for b, sign in BOUNDS.items() if b in schema)])


class _ForEditors(GenerateJsonSchema):
    """A part of a part may be a name or settings by name."""

    def handle_invalid_for_json_schema(self, *_: Any) -> dict[str, Any]:
        return {"type": ["string", "object"]}


def configuration_schema() -> dict[str, Any]:
    """JSON schema of a configuration, with the settings of every registered part under its name."""
    schema = _schema_of(Configuration)
    for part, registry in NAMED.items():
        held = schema["properties"][part]
        held.pop("anyOf", None)
        held |= _chosen(registry)
    schema["properties"]["evaluation"] = _evaluation()
    return {"$schema": DIALECT, **schema, "title": "tsrep configuration"}


def _schema_of(model: type[Settings]) -> dict[str, Any]:
    return _inlined(model.model_json_schema(schema_generator=_ForEditors))


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The same without definitions, which would clash where several schemas are joined."""
    definitions = schema.pop("$defs", {})

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(each) for each in value]
        if not isinstance(value, dict):
            return value
        held = value.get("$ref", "").removeprefix("#/$defs/")
        own = {key: replaced(each) for key, each in value.items() if key != "$ref"}
        return {**replaced(definitions[held]), **own} if held else own

    found: dict[str, Any] = replaced(schema)
    return found


def _chosen(registry: Registry) -> dict[str, Any]:
    """A name, or settings that depend on the name among them."""
    names = registry.names()
    rules = []
    for name in names:
        properties = _schema_of(registry.entry(name).settings).get("properties", {})
        named = {"properties": {"name": {"const": name}}, "required": ["name"]}
        rules.append({"if": named, "then": {"properties": properties, "additionalProperties": False}})
    whole = {"type": "object", "properties": {"name": {"enum": names}}, "allOf": rules}
    return {"anyOf": [{"enum": names}, whole, {"type": "null"}]}


def _evaluation() -> dict[str, Any]:
    schema = _schema_of(EvaluationSettings)
    for name in PROTOCOLS.names():
        schema["properties"][name] = _schema_of(PROTOCOLS.entry(name).settings)
    schema["properties"]["protocols"]["items"] = {"enum": PROTOCOLS.names()}
    return schema
