"""The openai package against Valence."""

import json
import math
import unittest

import openai

from valence import BAD, GOOD, KEY, MODEL, SERVED_MODEL, URL, WRONG_KEY


def client_with(key):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=key)


class OpenAIClient(unittest.TestCase):
    client = client_with(KEY)

    def complete(self, text=GOOD, model=MODEL, **options):
        messages = [{"role": "user", "content": text}]
        return self.client.chat.completions.create(model=model, messages=messages, **options)

    def test_answers_the_label(self):
        for text, label in ((GOOD, "POSITIVE"), (BAD, "NEGATIVE")):
            completion = self.complete(text, temperature=0.7, top_p=0.95, max_tokens=1024)
            self.assertEqual(completion.object, "chat.completion")
            self.assertEqual(completion.model, MODEL)
            self.assertEqual(completion.choices[0].message.content, label)
            self.assertEqual(completion.choices[0].finish_reason, "stop")
            self.assertEqual(completion.classification[0]["label"], label)
            self.assertAlmostEqual(sum(entry["score"] for entry in completion.classification), 1, places=6)

    def test_is_sure_of_a_plain_case(self):
        best = self.complete().classification[0]
        self.assertEqual(best["label"], "POSITIVE")
        self.assertGreater(best["score"], 0.9)

    def test_counts_tokens(self):
        usage = self.complete().usage
        self.assertGreater(usage.prompt_tokens, 0)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def test_says_who_answered(self):
        raw = self.client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": GOOD}]
        )
        self.assertEqual(raw.headers["x-valence-served-model"], SERVED_MODEL)
        self.assertEqual(raw.parse().choices[0].message.content, "POSITIVE")

    def test_streams_the_label_and_the_usage_last(self):
        chunks = list(self.complete(stream=True, stream_options={"include_usage": True}))
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        self.assertEqual(text, "POSITIVE")
        self.assertEqual(chunks[-2].choices[0].finish_reason, "stop")
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.prompt_tokens, 0)
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))

    def test_puts_a_stream_together_with_its_helper(self):
        messages = [{"role": "user", "content": GOOD}]
        with self.client.chat.completions.stream(model=MODEL, messages=messages) as stream:
            deltas = [event.delta for event in stream if event.type == "content.delta"]
            completion = stream.get_final_completion()
        self.assertEqual("".join(deltas), "POSITIVE")
        self.assertEqual(completion.choices[0].message.content, "POSITIVE")
        self.assertEqual(completion.choices[0].finish_reason, "stop")

    def test_reads_probabilities_that_sum_to_one(self):
        (token,) = self.complete(logprobs=True, top_logprobs=2).choices[0].logprobs.content
        self.assertEqual(token.token, "POSITIVE")
        self.assertGreater(math.exp(token.logprob), 0.9)
        self.assertEqual([top.token for top in token.top_logprobs], ["POSITIVE", "NEGATIVE"])
        self.assertAlmostEqual(sum(math.exp(top.logprob) for top in token.top_logprobs), 1, places=6)

    def test_reads_json(self):
        content = json.loads(self.complete(response_format={"type": "json_object"}).choices[0].message.content)
        self.assertEqual(content["label"], "POSITIVE")
        self.assertGreater(content["score"], 0.9)
        self.assertEqual([entry["label"] for entry in content["scores"]], ["POSITIVE", "NEGATIVE"])

    def test_lists_and_retrieves_models(self):
        self.assertEqual([model.id for model in self.client.models.list()], [MODEL, SERVED_MODEL])
        self.assertEqual(self.client.models.retrieve(MODEL).id, MODEL)

    def test_raises_authentication_error(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            client_with(WRONG_KEY).chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": GOOD}]
            )
        error = caught.exception
        # This client makes a text of the code, which is a number on the wire.
        self.assertEqual((error.status_code, error.type, error.code), (401, "authentication_error", "401"))

    def test_raises_not_found_error(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.complete(model="huggingface/no-such-model")
        error = caught.exception
        self.assertEqual((error.status_code, error.type, error.param), (404, "model_not_found", "model"))
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("huggingface/no-such-model")

    def test_raises_bad_request_error(self):
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
        for options, param in (
            ({"text": [{"type": "text", "text": GOOD}, image]}, "messages[0].content[1]"),
            ({"tools": [tool]}, "tools"),
        ):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.complete(**options)
            error = caught.exception
            self.assertEqual((error.status_code, error.type, error.param), (400, "invalid_request_error", param))


if __name__ == "__main__":
    unittest.main()
