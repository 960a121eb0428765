"""The openai package, with keys that have no money or no requests left."""

import os
import unittest

import openai

URL = os.environ["VALENCE_URL"]


def ask(key):
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0)
    return client.chat.completions.with_raw_response.create(
        model="huggingface/distilbert-sst-2-int8", messages=[{"role": "user", "content": "Good."}],
        extra_headers={"x-cache": "skip"},
    )


class Limits(unittest.TestCase):
    def test_tells_what_a_call_cost(self):
        raw = ask(os.environ["VALENCE_RICH_KEY"])
        self.assertEqual(raw.headers["x-cost-cents"], "0.01")
        self.assertEqual(raw.parse().usage.cost, 0.0001)

    def test_raises_402_for_an_empty_wallet(self):
        with self.assertRaises(openai.APIStatusError) as raised:
            ask(os.environ["VALENCE_POOR_KEY"])
        self.assertEqual(raised.exception.status_code, 402)
        self.assertEqual(raised.exception.type, "insufficient_credits")

    def test_raises_its_rate_limit_error_over_the_limit(self):
        key = os.environ["VALENCE_LIMITED_KEY"]
        self.assertEqual(ask(key).headers["x-ratelimit-remaining-requests"], "0")
        ask(key)
        with self.assertRaises(openai.RateLimitError) as raised:
            ask(key)
        self.assertEqual(raised.exception.type, "rate_limit_error")
        self.assertGreater(int(raised.exception.response.headers["retry-after"]), 0)

    def test_raises_its_permission_error_beyond_the_scope(self):
        with self.assertRaises(openai.PermissionDeniedError):
            ask(os.environ["VALENCE_SCOPED_KEY"])


if __name__ == "__main__":
    unittest.main()
