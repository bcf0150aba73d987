"""The double holds whoever asks it to the schema that the installed SDK was made from."""

from __future__ import annotations

import ast
import base64
import json
import subprocess
import urllib.error
import urllib.request

import pytest
from graphql import GraphQLObjectType, get_introspection_query, validate_schema

from projects.tests.engines.dagger.double import Double, Options
from projects.tests.engines.dagger.fake_cli import double_cli
from projects.tests.engines.dagger.schema import generated_client, schema_of_the_sdk


@pytest.fixture
def double(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Double(Options())


def first_error(double: Double, query: str) -> str:
    return double.answer(query)["errors"][0]["message"]


def test_the_schema_is_valid_and_has_every_field_the_sdk_asks_for():
    schema = schema_of_the_sdk()
    assert validate_schema(schema) == []
    have = {f"{name}.{field}" for name, one in schema.type_map.items()
            if isinstance(one, GraphQLObjectType) and not name.startswith("__") for field in one.fields}
    asked = set()
    for node in ast.parse(generated_client().read_text()).body:
        if isinstance(node, ast.ClassDef) and node.bases[0].id in ("Type", "Root") and not node.name.startswith("_"):
            asked |= {f"{node.name}.{call.args[0].value}" for call in ast.walk(node)
                      if isinstance(call, ast.Call) and ast.unparse(call.func) == "self._select"}
    assert len(asked) > 500
    assert asked <= have


def test_what_hub_relies_on_is_in_the_schema():
    fields = schema_of_the_sdk().type_map["Directory"].fields
    assert {"dockerfile", "platform", "buildArgs", "target", "secrets"} <= set(fields["dockerBuild"].args)
    export = schema_of_the_sdk().type_map["Container"].fields["exportImage"]
    assert {name: str(one.type) for name, one in export.args.items()} == {
        "name": "String!", "platformVariants": "[ID!]", "forcedCompression": "ImageLayerCompression",
        "mediaTypes": "ImageMediaTypes",
    }


@pytest.mark.parametrize(("query", "said"), [
    ("{ host { folder(path: \"/\") { id } } }", "Cannot query field 'folder' on type 'Host'"),
    ("{ host { directory(way: \"/\") { id } } }", "Unknown argument 'way'"),
    ("{ host { directory { id } } }", "of type 'String!' is required"),
    ("{ host { directory(path: 5) { id } } }", "String cannot represent a non string value"),
    ("{ host { directory(path: \"/\") } }", "must have a selection of subfields"),
    ("{ container { exportImage(name: \"x\", mediaTypes: OCI) } }", "Value 'OCI' does not exist in 'ImageMediaTypes'"),
    ("{ container { exportImage(name: \"x\") }", "Syntax Error"),
    ("{ node(id: \"nobody\") { id } }", "There is no object nobody."),
    ("{ engine { name } }", "The double does not answer Engine.name."),
])
def test_a_wrong_query_is_refused(double, query, said):
    assert said in first_error(double, query)


def test_an_object_is_gone_on_with_by_its_id(double, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    query = f'{{ host {{ directory(path: "{tmp_path}") {{ id }} }} }}'
    given = double.answer(query)["data"]["host"]["directory"]["id"]
    assert double.answer(query)["data"]["host"]["directory"]["id"] == given
    found = double.answer(f'{{ node(id: "{given}") {{ ... on Directory {{ dockerBuild {{ id }} }} }} }}')
    assert found["data"]["node"]["dockerBuild"]["id"].startswith("Container@")


def test_an_older_engine_lacks_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    double = Double(Options(without=["Container.exportImage"]))
    assert "Cannot query field 'exportImage'" in first_error(double, '{ container { exportImage(name: "x") } }')
    assert double.answer(get_introspection_query())["data"]["__schema"]["types"]


def test_a_session_answers_only_who_knows_its_token(tmp_path):
    process = subprocess.Popen([str(double_cli(tmp_path)), "session"], cwd=tmp_path, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        said = json.loads(process.stdout.readline())

        def ask(token: str) -> dict:
            word = base64.b64encode(f"{token}:".encode()).decode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{said['port']}/query", json.dumps({"query": "{ version }"}).encode(),
                {"Authorization": f"Basic {word}"},
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)

        assert ask(said["session_token"]) == {"data": {"version": "v0.0.0-double"}}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask("another")
        process.stdin.close()
        assert process.wait(10) == 0
    assert list(tmp_path.glob("dagger-double-*")) == []
