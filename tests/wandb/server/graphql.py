"""GraphQL as far as W&B's clients use it: one operation with variables, arguments, aliases and fragments.

`execute` answers the fields that are asked for and nothing else, and refuses what a real server refuses: a field or an
argument that does not exist, a variable that is not declared or of another type.
"""

import re

TOKEN = re.compile(r"""[\s,]+|\#[^\n]*|(?P<token>\.\.\.|[!$():=@\[\]{|}&]|[_A-Za-z][_0-9A-Za-z]*
                       |-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"(?:[^"\\\n]|\\.)*")""", re.X)
SCALARS = {"String": str, "ID": str, "JSONString": str, "Int": int, "Int64": int, "Boolean": bool}
ABSENT = object()


class Scalar(dict):
    """An object without subfields: W&B's scalar JSON."""


class GraphQLError(Exception):
    """What the server answers with; `status` is HTTP's: 400 for a request that cannot be executed, else 200."""

    def __init__(self, message, status=200):
        super().__init__(message)
        self.status = status


def invalid(message):
    return GraphQLError(message, 400)


class Parser:
    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise invalid(f"Syntax Error: unexpected character {text[at]!r}")
            if match["token"]:
                self.tokens.append(match["token"])
            at = match.end()
        self.tokens.append("")
        self.at = 0

    def peek(self):
        return self.tokens[self.at]

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, token):
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def expect(self, token):
        if not self.accept(token):
            raise invalid(f"Syntax Error: expected {token!r}, found {self.peek()!r}")

    def document(self):
        """(kind, name, variable types, selections), fragments"""
        operations, fragments = [], {}
        while self.peek():
            kind = self.peek()
            if kind == "fragment":
                self.next()
                name = self.next()
                self.expect("on")
                self.next()
                fragments[name] = self.selections()
                continue
            if kind not in ("query", "mutation", "{"):
                raise invalid(f"Syntax Error: unexpected {kind!r}")
            name, types = "", {}
            if kind != "{":
                self.next()
                if re.match(r"\w", self.peek()):
                    name = self.next()
                types = self.variable_types()
            operations.append((kind, name, types, self.selections()))
        if len(operations) != 1:
            raise invalid(f"one operation a request, got {len(operations)}")
        return operations[0], fragments

    def variable_types(self):
        types = {}
        if self.accept("("):
            while not self.accept(")"):
                self.expect("$")
                name = self.next()
                self.expect(":")
                types[name] = (self.type(), self.value() if self.accept("=") else ABSENT)
        return types

    def type(self):
        text = self.next()
        if text == "[":
            text = f"[{self.type()}]"
            self.expect("]")
        return text + ("!" if self.accept("!") else "")

    def selections(self):
        chosen = []
        self.expect("{")
        while not self.accept("}"):
            if self.accept("..."):
                if self.accept("on"):
                    self.next()
                chosen.append(self.selections() if self.peek() == "{" else ("spread", self.next()))
                continue
            alias = name = self.next()
            if not re.match(r"[_A-Za-z]", name):
                raise invalid(f"Syntax Error: expected a field, found {name!r}")
            if self.accept(":"):
                name = self.next()
            arguments = self.arguments()
            chosen.append((alias, name, arguments, self.selections() if self.peek() == "{" else None))
        return chosen

    def arguments(self):
        found = {}
        if self.accept("("):
            while not self.accept(")"):
                name = self.next()
                self.expect(":")
                found[name] = self.value()
        return found

    def value(self):
        token = self.next()
        if token == "$":
            return ("variable", self.next())
        if token == "{":
            fields = {}
            while not self.accept("}"):
                name = self.next()
                self.expect(":")
                fields[name] = self.value()
            return fields
        if token == "[":
            items = []
            while not self.accept("]"):
                items.append(self.value())
            return items
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        if re.match(r"-?\d", token):
            return float(token) if re.search(r"[.eE]", token) else int(token)
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def check_type(name, kind, value):
    if kind.endswith("!"):
        if value is None:
            raise invalid(f"Variable \"${name}\" of required type \"{kind}\" was not provided.")
        kind = kind[:-1]
    if value is None:
        return
    if kind.startswith("["):
        if not isinstance(value, list):
            raise invalid(f"Variable \"${name}\" is no list")
        for item in value:
            check_type(name, kind[1:-1], item)
    elif kind in SCALARS and (not isinstance(value, SCALARS[kind]) or kind != "Boolean" and isinstance(value, bool)):
        raise invalid(f"Variable \"${name}\" is no {kind}: {value!r}")


def bind(types, given):
    """The operation's variables, as they are declared; and the names of those given that it does not declare."""
    bound = {}
    for name, (kind, default) in types.items():
        value = given.get(name, default)
        check_type(name, kind, None if value is ABSENT else value)
        if value is not ABSENT:
            bound[name] = value
    return bound, sorted(set(given) - set(types))


def filled(value, variables, types):
    """An argument with its variables put in; one that was not given leaves its argument out."""
    if isinstance(value, tuple):
        if value[1] not in types:
            raise invalid(f"Variable \"${value[1]}\" is not defined.")
        return variables.get(value[1], ABSENT)
    if isinstance(value, dict):
        items = {name: filled(item, variables, types) for name, item in value.items()}
        return {name: item for name, item in items.items() if item is not ABSENT}
    if isinstance(value, list):
        return [filled(item, variables, types) for item in value]
    return value


class Execution:
    def __init__(self, types, variables, fragments):
        self.types, self.variables, self.fragments = types, variables, fragments

    def select(self, selections, node, where):
        answer = {}
        for selection in selections:
            if isinstance(selection, list):
                answer |= self.select(selection, node, where)
            elif selection[0] == "spread" and len(selection) == 2:
                if selection[1] not in self.fragments:
                    raise invalid(f"Unknown fragment \"{selection[1]}\".")
                answer |= self.select(self.fragments[selection[1]], node, where)
            else:
                alias, name, arguments, nested = selection
                if name not in node:
                    raise invalid(f"Cannot query field \"{name}\" on \"{where}\".")
                value = node[name]
                arguments = filled(arguments, self.variables, self.types)
                if callable(value):
                    value = value(**arguments)
                elif arguments:
                    raise invalid(f"Unknown argument on field \"{name}\" of \"{where}\".")
                answer[alias] = self.complete(value, nested, name)
        return answer

    def complete(self, value, nested, name):
        if isinstance(value, list) and (nested is not None or any(isinstance(item, dict) for item in value)):
            return [self.complete(item, nested, name) for item in value]
        if isinstance(value, dict) and not isinstance(value, Scalar):
            if nested is None:
                raise invalid(f"Field \"{name}\" must have a selection of subfields.")
            return self.select(nested, value, name)
        if nested is not None and value is not None:
            raise invalid(f"Field \"{name}\" has no subfields.")
        return value


def parse(text):
    return Parser(text).document()


def execute(document, given, roots):
    """The data of the answer. `roots` = {"query": fields, "mutation": fields}, where a field is a value, a dict of
    fields, a list, or what returns one of these when called with the field's arguments."""
    (kind, _, types, selections), fragments = document
    variables, _ = bind(types, given)
    return Execution(types, variables, fragments).select(
        selections, roots["mutation" if kind == "mutation" else "query"], kind)
