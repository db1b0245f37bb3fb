"""The official Python client against a running server: `python python_client.py URL KEY PICTURE`.

Prints the name of each check that passed; the first that does not ends the program.
"""

import base64
import json
import pathlib
import sys
from typing import Literal

import openai
from pydantic import BaseModel

url, key, picture = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
hello = [{"role": "user", "content": "Hello"}]
greedy = {"model": "default", "temperature": 0, "max_tokens": 24}
tool = {
    "name": "report_color",
    "parameters": {
        "type": "object",
        "properties": {"color": {"type": "string", "enum": ["red", "green", "blue"]}},
        "required": ["color"],
        "additionalProperties": False,
    },
}


def chat():
    completion = client.chat.completions.create(messages=hello, **greedy)
    assert completion.choices[0].message.content
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def stream():
    whole = client.chat.completions.create(messages=hello, **greedy)
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(messages=hello, stream=True, stream_options=options, **greedy))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    with client.chat.completions.stream(messages=hello, **greedy) as helper:
        assert helper.get_final_completion().choices[0].message.content == text


def image():
    data = base64.b64encode(pathlib.Path(picture).read_bytes()).decode()
    question = {"type": "text", "text": "Describe the picture."}
    shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    seen, blind = (
        client.chat.completions.create(messages=[{"role": "user", "content": content}], **greedy)
        for content in ([shown, question], [question])
    )
    assert seen.choices[0].message.content != blind.choices[0].message.content


def tools():
    completion = client.chat.completions.create(
        messages=hello,
        tools=[{"type": "function", "function": tool}],
        tool_choice="required",
        parallel_tool_calls=False,
        **{**greedy, "max_tokens": 200},
    )
    (call,) = completion.choices[0].message.tool_calls
    assert json.loads(call.function.arguments)["color"] in ("red", "green", "blue")


class Shape(BaseModel):
    color: Literal["red", "green", "blue"]
    filled: bool


def structured():
    ask = {"messages": hello, "response_format": Shape}
    parsed = client.chat.completions.parse(**ask, **{**greedy, "max_tokens": 200})
    assert isinstance(parsed.choices[0].message.parsed, Shape)
    try:
        client.chat.completions.parse(**ask, **{**greedy, "max_tokens": 2})
    except openai.LengthFinishReasonError:
        return
    raise AssertionError("An answer that was cut off was parsed")


def responses():
    ask = {"model": "default", "input": "Hello", "temperature": 0, "max_output_tokens": 24}
    whole = client.responses.create(**ask)
    assert whole.output_text
    with client.responses.stream(**ask) as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text


def errors():
    def raised(kind, of=client, **fields):
        try:
            of.chat.completions.create(**{**greedy, "messages": hello, **fields})
        except kind as error:
            return error
        raise AssertionError(f"No {kind.__name__}")

    assert raised(openai.BadRequestError, temperature=3).param == "temperature"
    assert raised(openai.NotFoundError, model="gpt-4o").code == "model_not_found"
    raised(openai.AuthenticationError, of=client.with_options(api_key="sk-wrong"))


for check in (chat, stream, image, tools, structured, responses, errors):
    check()
    print(check.__name__, flush=True)
