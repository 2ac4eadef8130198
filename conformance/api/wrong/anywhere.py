"""Requests with something wrong anywhere in them: any value, at any depth."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.api.prompts import SWITCH
from conformance.api.wrong.judging import answers_as_before, each_drawn
from conformance.api.wrong.operations import Body
from conformance.api.wrong.sending import Sender, body_answered
from conformance.api.wrong.values import LEFT_OUT, Json

EXAMPLES = 25
"""Requests to each operation in a run of the suite."""

Path = tuple[str | int, ...]

_SCHEMA = {"type": "object", "properties": {"colour": {"enum": ["red"]}}, "required": ["colour"]}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "it", "schema": _SCHEMA, "strict": True}}
_SAMPLING = {"stop": ["\n\n"], "top_p": 1.0, "seed": 1, "stream": False, "top_k": 5}
_PART = {"type": "text", "text": "Hi"}
_USER = {"role": "user", "content": [_PART]}
_CALL = {"id": "c1", "type": "function", "function": {"name": "switch_light", "arguments": "{}"}}
_TURNS = [
    {"role": "system", "content": "Be brief."},
    _USER,
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "on"},
]
_ANTHROPIC = {"name": "switch_light", "input_schema": SWITCH["function"]["parameters"]}

RICH: Mapping[str, Body] = {
    "chat.completions.create": {
        **_SAMPLING,
        "messages": _TURNS,
        "tools": [SWITCH],
        "tool_choice": "auto",
        "logit_bias": {"5": 1},
        "logprobs": True,
        "top_logprobs": 2,
        "stop_token_ids": [3],
        "chat_template_kwargs": {"a": 1},
    },
    "completions.create": {
        **_SAMPLING,
        "prompt": ["a b c", [5, 6]],
        "logit_bias": {"5": 1},
        "logprobs": 2,
        "response_format": _FORMAT,
        "allowed_token_ids": [5, 6, 7],
    },
    "responses.create": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "tools": [{"type": "function", "strict": False, **SWITCH["function"]}],
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": "low"},
        "metadata": {"a": "b"},
    },
    "/v1/messages": {
        "system": [_PART],
        "messages": [_USER],
        "tools": [_ANTHROPIC],
        "tool_choice": {"type": "auto"},
        "stop_sequences": ["\n\n"],
    },
    "/v1/messages/count_tokens": {"messages": [_USER], "tools": [_ANTHROPIC]},
    "/v1/chat/completions/batch": {"stop": ["."], "seed": 1, "messages": [[_USER]]},
    "/tokenize": {"prompt": "Hi", "add_special_tokens": True},
    "/detokenize": {"tokens": [1, 2, 3]},
    "embeddings.create": {"input": ["Hi", "Ho"], "encoding_format": "float"},
    "/pooling": {"input": ["Hi", "Ho"]},
    "/classify": {"input": ["Hi", "Ho"]},
    "/score": {"queries": "Hi", "documents": ["Hello", "No"]},
    "/rerank": {"query": "Hi", "documents": ["Hello", "No"], "top_n": 1},
    "/v2/embed": {"texts": ["Hi"], "embedding_types": ["float"]},
}
"""By operation, fields with parts of their own, in place of those of the plain right request."""

SHORT = frozenset({"max_tokens", "max_output_tokens", "model", "n"})
"""What stays as it is: an answer to a request that is taken has to be short."""

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON: SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.just(LEFT_OUT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=4,
)


def judge(sender: Sender, right: object) -> None:
    """Requests wrong somewhere are answered or refused, and then the right one is answered.

    Raises:
        Failed: a fault of the server's, a refusal that is not well-formed, or another answer to
            the right request than before.
    """
    body = {**sender.body, **RICH[sender.operation.name]}
    paths = [path for path in places(body) if path[0] not in SHORT]

    def check(drawn: tuple[Path, Json]) -> None:
        body_answered(sender.send(changed(body, *drawn)))

    each_drawn(st.tuples(st.sampled_from(paths), JSON), check, EXAMPLES)
    answers_as_before(sender, right)


def places(value: Json, path: Path = ()) -> Iterator[Path]:
    """Where something stands in a body, itself left out."""
    if path:
        yield path
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from places(held, (*path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, held in enumerate(value):
            yield from places(held, (*path, index))


def changed(body: Body, path: Path, value: Json) -> Body:
    """The body with another value, or nothing, in one place."""
    found = copy.deepcopy(body)
    held: Json = found
    for step in path[:-1]:
        held = held[step]  # type: ignore[index]  # what `places` went through
    held[path[-1]] = value  # type: ignore[index]
    cleaned = without_left_out(found)
    assert isinstance(cleaned, dict)
    return cleaned


def without_left_out(value: Json) -> Json:
    """A value without what is left out, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: without_left_out(held) for name, held in value.items() if held is not LEFT_OUT
        }
    if isinstance(value, list):
        return [without_left_out(held) for held in value if held is not LEFT_OUT]
    return value
