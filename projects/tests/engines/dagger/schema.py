"""The schema that the installed SDK believes in: read from its generated client, so that no schema is written down here
that could be wrong, or old."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
)

PLAIN = {"str": GraphQLString, "int": GraphQLInt, "bool": GraphQLBoolean, "float": GraphQLFloat,
         "Type": GraphQLID}  # any object: the SDK sends its id
# These give the object's own id, to be gone on with by `node(id:)`.
SELECTING = {"_select", "execute_sync"}


@dataclass(frozen=True, slots=True)
class FieldFound:
    """A field as the SDK asks for it: `arguments` name → annotation and whether it has a default."""

    name: str
    returns: ast.expr
    arguments: dict[str, tuple[ast.expr, bool]]
    gives_id: bool


def generated_client() -> Path:
    """The file of the SDK that its schema is read from."""
    spec = importlib.util.find_spec("dagger")
    assert spec and spec.origin, "dagger-io is not installed: bin/python -m pip install -r requirements-dagger.txt"
    return Path(spec.origin).parent / "client" / "gen.py"


def fields_of(body: ast.ClassDef) -> Iterator[FieldFound]:
    """The fields that the methods of a class ask for."""
    for method in body.body:
        if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        call = next((node for node in ast.walk(method) if isinstance(node, ast.Call)
                     and isinstance(node.func, ast.Attribute) and node.func.attr in SELECTING), None)
        if call is None:
            continue
        name = next(node.value for node in call.args if isinstance(node, ast.Constant))
        annotations = {one.arg: one.annotation for one in (*method.args.args, *method.args.kwonlyargs)}
        arguments = {}
        for node in ast.walk(method):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Arg":
                used = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)} & set(annotations)
                (parameter,) = used
                arguments[node.args[0].value] = (annotations[parameter], len(node.args) > 2)
        yield FieldFound(name, method.returns, arguments, call.func.attr == "execute_sync" or name == "id")


class Reading:
    """Turns the generated client into a schema. `without` are fields ("Container.exportImage") and arguments
    ("Directory.dockerBuild.secrets") to leave out, as an older engine would."""

    def __init__(self, source: str, without: frozenset[str] = frozenset()):
        self.without = without
        self.classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
        self.types: dict[str, GraphQLNamedType] = {}
        for name, node in self.classes.items():
            make = {"Scalar": self._scalar, "Enum": self._enum, "Input": self._input, "Type": self._object,
                    "Root": self._object}.get(node.bases[0].id if node.bases else "")
            if make:
                made = make(name, node)
                self.types[made.name] = made

    def schema(self) -> GraphQLSchema:
        return GraphQLSchema(query=self.types["Query"], types=list(self.types.values()))

    def _scalar(self, name: str, node: ast.ClassDef) -> GraphQLScalarType:
        return GraphQLScalarType(name)

    def _enum(self, name: str, node: ast.ClassDef) -> GraphQLEnumType:
        # An alias of a member is no member of its own; the SDK sends the first name of a value.
        names: dict[str, str] = {}
        for one in node.body:
            if isinstance(one, ast.Assign):
                names.setdefault(one.value.value, one.targets[0].id)
        return GraphQLEnumType(name, {member: member for member in names.values()})

    def _input(self, name: str, node: ast.ClassDef) -> GraphQLInputObjectType:
        return GraphQLInputObjectType(name, lambda: {
            one.target.id: GraphQLInputField(self._type(one.annotation, one.value is not None, takes=True))
            for one in node.body if isinstance(one, ast.AnnAssign)
        })

    def _object(self, name: str, node: ast.ClassDef) -> GraphQLNamedType:
        fields: Callable[[], dict[str, GraphQLField]] = lambda: {  # noqa: E731 - read late: types name each other
            found.name: self._field(name, found) for found in fields_of(node)
            if f"{name}.{found.name}" not in self.without
        }
        if name.startswith("_"):  # the client of an interface
            return GraphQLInterfaceType(name.removeprefix("_").removesuffix("Client"), fields)
        has_id = any(found.name == "id" for found in fields_of(node))
        return GraphQLObjectType(name, fields, interfaces=lambda: [self.types["Node"]] if has_id else [],
                                 is_type_of=lambda value, info: value.type == name)

    def _field(self, owner: str, found: FieldFound) -> GraphQLField:
        arguments = {
            name: GraphQLArgument(self._type(annotation, default, takes=True, owner=owner))
            for name, (annotation, default) in found.arguments.items()
            if f"{owner}.{found.name}.{name}" not in self.without
        }
        gives = GraphQLNonNull(GraphQLID) if found.gives_id else self._type(found.returns, owner=owner)
        return GraphQLField(gives, arguments)

    def _type(self, annotation: ast.expr, optional: bool = False, *, takes: bool = False, owner: str = "") -> Any:
        """The GraphQL type of an annotation; for what a field takes, an object is its id."""
        if isinstance(annotation, ast.Constant):
            if annotation.value is None:
                raise ValueError("A field gives nothing.")
            annotation = ast.parse(annotation.value, mode="eval").body
        if isinstance(annotation, ast.BinOp):  # X | None
            return self._type(annotation.left, True, takes=takes, owner=owner)
        if isinstance(annotation, ast.Subscript):  # list[X]
            made = GraphQLList(self._type(annotation.slice, takes=takes, owner=owner))
        else:
            name = owner if annotation.id == "Self" else annotation.id
            made = PLAIN.get(name) or self.types[name]
            if takes and isinstance(made, GraphQLObjectType | GraphQLInterfaceType):
                made = GraphQLID
        # Void is the absence of a value, and any field that gives an object may give none when it fails.
        nullable = optional or getattr(made, "name", "") == "Void"
        return made if nullable else GraphQLNonNull(made)


def schema_of_the_sdk(without: frozenset[str] = frozenset()) -> GraphQLSchema:
    """The schema of the installed SDK."""
    return Reading(generated_client().read_text(encoding="utf-8"), without).schema()
