"""Translates preprocessed Metal Shading Language to C++ and lists its kernels.

Everything is done on tokens, in place, so that lines stay where they are: attributes and address
spaces go, `threadgroup` variables move into the arena of their threadgroup, declarations that
differed only in their address space are kept once, and explicit instantiations of kernels become
entries of a table, to be compiled when they are asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reference.emulator.errors import CompileError
from reference.emulator.translate.signature import (
    Attribute,
    Parameter,
    attributes,
    integer_argument,
    is_attribute,
    parameters,
)
from reference.emulator.translate.structure import (
    Declaration,
    closing,
    closing_angle,
    declarations,
)
from reference.emulator.translate.tokens import (
    Place,
    Token,
    place,
    significant,
    tokenize,
    unsupported,
)

ADDRESS_SPACES = {"device", "constant", "threadgroup", "thread"}
_STAGES = {"vertex", "fragment", "mesh", "object", "intersection", "visible", "stitchable"}
_UNSUPPORTED_TYPES = re.compile(
    r"(texture(1d|2d|3d|cube|_buffer)|depth(2d|cube))\w*|sampler|imageblock\w*|intersector"
    r"|visible_function_table|intersection_function_table|render_grid_properties|tensor(_\w+)?"
    r"|command_buffer|compute_command|render_command"
)
_MEETINGS = re.compile(
    r"(threadgroup|simdgroup)_barrier"
    r"|(simd|quad)_(sum|product|min|max|and|or|xor|prefix_(in|ex)clusive_(sum|product)"
    r"|broadcast(_first)?|shuffle\w*|ballot|all|any)"
)
_STORAGE = {"const", "constexpr", "static", "inline", "volatile", *ADDRESS_SPACES}
_NOT_A_CALL = {"return", "else", "case", "do", "co_return"}


@dataclass(frozen=True)
class Constant:
    """A function constant: `constant T name [[function_constant(index)]];`"""

    name: str
    index: int
    type: str


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be asked for by `name`; `function` is the C++ expression that names it."""

    name: str
    function: str
    parameters: tuple[Parameter, ...]
    place: Place


@dataclass
class Translation:
    """C++ text and what it offers. `templates` are kernel templates without an instantiation."""

    text: str
    kernels: dict[str, Kernel] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    templates: dict[str, tuple[Parameter, ...]] = field(default_factory=dict)


def translate(text: str, file: str) -> Translation:
    """Translates `text`, which the preprocessor has expanded.

    Raises CompileError with file and line for what the emulator does not support.
    """
    return _Translator(text, file).run()


class _Translator:
    def __init__(self, text: str, file: str) -> None:
        self.all = tokenize(text, file)
        self.positions = significant(self.all)
        self.tokens = [self.all[i] for i in self.positions]
        self.result = Translation("")
        self.instantiations: list[tuple[str, str, Token]] = []
        self.defined: dict[str, list[Parameter]] = {}
        self.constant_places: dict[str, int] = {}

    def run(self) -> Translation:
        texts = [t.text for t in self.tokens]
        for token in self.tokens:
            if token.kind == "identifier" and _UNSUPPORTED_TYPES.fullmatch(token.text):
                raise unsupported(f"{token.text!r}", token)
        seen: set[tuple[tuple[str, ...], str]] = set()
        dropped: list[tuple[int, int]] = []
        specialised: list[Declaration] = []
        for declaration in declarations(self.tokens):
            if self._instantiation(declaration) or self._function_constant(declaration, texts):
                dropped.append((declaration.start, declaration.end))
                continue
            self._kernel(declaration)
            key = self._key(declaration)
            if key is not None:
                if (declaration.scope, key) in seen:
                    dropped.append((declaration.start, declaration.end))
                seen.add((declaration.scope, key))
            if declaration.in_class and texts[declaration.start :][:3] == ["template", "<", ">"]:
                specialised.append(declaration)
        replaced = _rewritten(self.tokens)
        for declaration in specialised:
            _overload(self.tokens, replaced, declaration)
        for start, end in dropped:
            for i in range(start, end):
                replaced[i] = ""
        for constant in self.result.constants.values():
            start = self.constant_places[constant.name]
            replaced[start] = (
                f"static const {constant.type} {constant.name} = "
                f"METAL_EMULATOR_VALUE_{constant.name}; static constexpr bool "
                f"{constant.name}__is_defined = METAL_EMULATOR_DEFINED_{constant.name};"
            )
        self._list_kernels()
        self.result.text = self._assemble(replaced)
        return self.result

    # ---- declarations ---------------------------------------------------------------------------

    def _instantiation(self, declaration: Declaration) -> bool:
        """Notes `template [[host_name("x")]] [[kernel]] … f<…>…;`, which makes a kernel."""
        tokens = self.tokens[declaration.start : declaration.end]
        if declaration.kind != "other" or tokens[0].text != "template" or len(tokens) < 2:
            return False
        if tokens[1].text == "<":
            return False
        plain, given = attributes(tokens[1:-1])
        names = {a.name for a in given} | {t.text for t in plain}
        if "kernel" not in names:
            return False
        plain = [t for t in plain if t.text not in ("kernel", *ADDRESS_SPACES)]
        returned = closing(plain, 1) if plain[0].text == "decltype" else 0  # else void
        plain = plain[returned + 1 :]
        end = 0
        while end < len(plain) and plain[end].text != "(":
            end = closing_angle(plain, end) + 1 if plain[end].text == "<" else end + 1
        function = _join(plain[:end])
        prefix = "".join(f"{name}::" for name in declaration.scope if name)
        name = _host_name(given) or function.replace(" ", "")
        self.instantiations.append((name, prefix + function, tokens[0]))
        return True

    def _function_constant(self, declaration: Declaration, texts: list[str]) -> bool:
        if declaration.kind != "other" or declaration.in_class:
            return False
        start, end = declaration.start, declaration.end
        if "function_constant" not in texts[start:end] or "constant" not in texts[start:end]:
            return False
        plain, given = attributes(self.tokens[start : end - 1])
        index = next((a for a in given if a.name == "function_constant"), None)
        if index is None:
            return False
        plain = [t for t in plain if t.text not in ("constant", "const", "static")]
        number = integer_argument(index, self.tokens[start])
        name = plain[-1].text
        self.result.constants[name] = Constant(name, number, _join(plain[:-1]))
        self.constant_places[name] = start
        return True

    def _kernel(self, declaration: Declaration) -> None:
        """Notes a kernel function or a template of kernel functions."""
        if declaration.kind != "function" or declaration.body is None:
            return
        head = self.tokens[declaration.start : declaration.body]
        template = head[0].text == "template"
        if template:
            head = head[closing_angle(head, 1) + 1 :]
        stage = next((t for t in head if t.text in _STAGES), None)
        if stage is not None and stage.text != "object" and head.index(stage) == 0:
            raise unsupported(f"a {stage.text} function", stage)
        plain, given = attributes(head)
        if not any(t.text == "kernel" for t in plain) and all(a.name != "kernel" for a in given):
            return
        opening = next(i for i, t in enumerate(plain) if t.text == "(")
        name = plain[opening - 1]
        whole = next(i for i, t in enumerate(head) if t is plain[opening])
        found = parameters(head[whole + 1 : closing(head, whole)])
        prefix = "".join(f"{scope}::" for scope in declaration.scope if scope)
        self.defined[name.text] = found
        if template:
            self.result.templates[prefix + name.text] = tuple(found)
        else:
            host_name = _host_name(given) or name.text
            self.result.kernels[host_name] = Kernel(
                host_name, prefix + name.text, tuple(found), place(name)
            )

    def _key(self, declaration: Declaration) -> str | None:
        """What a compiler that ignores address spaces takes as the identity of a declaration."""
        tokens = self.tokens[declaration.start : declaration.body or declaration.end]
        texts = [t.text for t in tokens]
        if declaration.kind == "other" and not (declaration.in_class and "(" in texts):
            return None
        if declaration.kind == "class" and "<" not in texts:
            return None
        plain, _ = attributes(tokens)
        erased = [t for t in _rewritten(plain) if t]
        if declaration.kind == "function" and ":" in erased and declaration.in_class:
            erased = _without_initialisers(erased)
        return " ".join(erased).rstrip("; ")

    def _list_kernels(self) -> None:
        for name, function, token in self.instantiations:
            bare = re.sub(r"\s*<.*", "", function, flags=re.DOTALL).strip().split("::")[-1].strip()
            if bare not in self.defined:
                raise CompileError(f"{place(token)}: no kernel {bare!r} to instantiate {name!r}")
            self.result.kernels[name] = Kernel(
                name, function, tuple(self.defined[bare]), place(token)
            )

    def _assemble(self, replaced: list[str]) -> str:
        pieces = [
            t.text if t.kind != "directive" or not t.text.lstrip().startswith("#pragma") else ""
            for t in self.all
        ]
        for position, text in zip(self.positions, replaced, strict=True):
            pieces[position] = text
        return "".join(pieces)


def _join(tokens: list[Token]) -> str:
    return " ".join(t.text for t in tokens)


def _host_name(given: list[Attribute]) -> str | None:
    for attribute in given:
        if attribute.name == "host_name":
            return "".join(t.text[1:-1] for t in attribute.arguments if t.kind == "string")
    return None


def _overload(tokens: list[Token], out: list[str], declaration: Declaration) -> None:
    """Makes `template <> T f<A>(A a)` in a class, which g++ does not have, an overload of f."""
    for i in range(declaration.start, declaration.start + 3):
        out[i] = ""
    i = declaration.start + 3
    while i < declaration.end and tokens[i].text != "(":
        if tokens[i].text == "<":
            close = closing_angle(tokens, i)
            if tokens[close + 1].text == "(":
                for k in range(i, close + 1):
                    out[k] = ""
            i = close
        i += 1


def _without_initialisers(texts: list[str]) -> list[str]:
    """A constructor's head without its member initialisers."""
    depth = 0
    for i, text in enumerate(texts):
        depth += text in ("(", "[") and 1
        depth -= text in (")", "]") and 1
        if text == ":" and depth == 0 and i > 0 and texts[i - 1] in (")", "const", "noexcept"):
            return texts[:i]
    return texts


# ---- tokens -------------------------------------------------------------------------------------


def _rewritten(tokens: list[Token]) -> list[str]:
    """The C++ text for each token; an empty one for what goes."""
    out = [t.text for t in tokens]
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.kind == "number":
            out[i] = _number(token.text)
        elif is_attribute(tokens, i):
            end = closing(tokens, i)
            for k in range(i, end + 1):
                out[k] = ""
            i = end + 1
            continue
        elif token.kind == "identifier":
            i = _identifier(tokens, out, i)
            continue
        i += 1
    return out


def _identifier(tokens: list[Token], out: list[str], i: int) -> int:
    """Rewrites the identifier at `i`; returns where to go on."""
    text = tokens[i].text
    if text == "kernel":
        out[i] = ""
    elif text == "constant":
        out[i] = "" if _is_const_already(tokens, i) else "const"
    elif text == "threadgroup" and _declares_variable(tokens, i):
        return _threadgroup_variables(tokens, out, i)
    elif text in ADDRESS_SPACES:
        out[i] = ""
    elif text == "is_function_constant_defined" and tokens[i + 1].text == "(":
        out[i] = ""
        out[i + 2] = tokens[i + 2].text + "__is_defined"
        return i + 4
    elif _MEETINGS.fullmatch(text) and _is_call(tokens, i):
        out[i + 1] = f"(::metal_emulator::Site<{tokens[i].file_order}, {tokens[i].line}>() = "
        return i + 2
    return i + 1


def _is_const_already(tokens: list[Token], i: int) -> bool:
    """Whether `constant` at `i` stands among specifiers with const, or qualifies a member
    function."""
    before = i - 1
    while before >= 0 and tokens[before].text in _STORAGE:
        before -= 1
    after = i + 1
    while after < len(tokens) and tokens[after].text in _STORAGE:
        after += 1
    if any(token.text == "const" for token in tokens[before + 1 : after]):
        return True
    following = tokens[after].text if after < len(tokens) else ";"
    return tokens[before].text in (")", "noexcept") and following in (":", "{", ";")


def _is_call(tokens: list[Token], i: int) -> bool:
    """Whether the name at `i` is called with an argument: not declared."""
    if i + 2 >= len(tokens) or tokens[i + 1].text != "(" or i == 0:
        return False
    if tokens[i + 2].text in (")", "{"):
        return False
    before = tokens[i - 1]
    if before.kind == "identifier":
        return before.text in _NOT_A_CALL
    return before.text != ">"


def _number(text: str) -> str:
    """A literal: without a suffix a floating-point one is a float, as Metal has no double."""
    lower = text.lower()
    hexadecimal = lower.startswith("0x")
    if hexadecimal:
        return text + "f" if "p" in lower and not lower.endswith(("f", "h")) else text
    if lower.endswith("bf"):
        return f"((bfloat){text[:-2]}f)"
    if lower.endswith("h"):
        return f"((half){text[:-1]}f)"
    floating = "." in text or ("e" in lower)
    return text + "f" if floating and lower[-1] not in "fl" else text


_STATEMENT_ENDS = {";", "{", "}", ")", ":", "else"}
_SPECIFIERS = {"const", "volatile", "static"}


def _declares_variable(tokens: list[Token], i: int) -> bool:
    """Whether `threadgroup` at `i` begins the declaration of a variable in that memory: not of a
    pointer or reference to it."""
    before = i - 1
    while before >= 0 and tokens[before].text in _SPECIFIERS:
        before -= 1
    if before < 0 or tokens[before].text not in _STATEMENT_ENDS:
        return False
    k = i + 1
    while k < len(tokens) and tokens[k].text not in (";", "=", "[", ","):
        text = tokens[k].text
        if text == "<":
            k = closing_angle(tokens, k)
        elif text == "alignas":
            k = closing(tokens, k + 1)
        elif text in ("*", "&", "(", ")", "{"):
            return False
        k += 1
    return k < len(tokens) and tokens[k].text != "="


def _threadgroup_variables(tokens: list[Token], out: list[str], i: int) -> int:
    """`threadgroup T a[2], b;` becomes references into the arena; returns the end."""
    end = i
    while tokens[end].text != ";":
        end = closing(tokens, end) + 1 if tokens[end].text in ("(", "[", "{") else end + 1
    rewritten = _rewritten(tokens[i + 1 : end])
    part = [
        Token(t.kind, text, t.file, t.line)
        for t, text in zip(tokens[i + 1 : end], rewritten, strict=True)
        if text
    ]
    while part[0].text == "alignas":
        part = part[closing(part, 1) + 1 :]
    first = 0
    while part[first].text not in ("[", ","):
        first = closing_angle(part, first) + 1 if part[first].text == "<" else first + 1
        if first == len(part):
            break
    kind = _join(part[: first - 1])
    text = ""
    for declarator in _declarators(part[first - 1 :]):
        name, dimensions = declarator[0].text, _join(declarator[1:])
        text += (
            f"typedef {kind} {name}__type {dimensions}; struct {name}__tag {{ static const char* "
            f'label() {{ return "{name}"; }} }}; {name}__type& {name} = '
            f"::metal_emulator::threadgroup_variable<{name}__type, {name}__tag>();"
        )
    for k in range(i, end + 1):
        out[k] = ""
    out[i] = text
    return end + 1


def _declarators(tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    i = 0
    while i < len(tokens):
        if tokens[i].text == "[":
            close = closing(tokens, i)
            parts[-1] += tokens[i : close + 1]
            i = close + 1
            continue
        if tokens[i].text == ",":
            parts.append([])
        else:
            parts[-1].append(tokens[i])
        i += 1
    return parts
