"""AIGateway's own SDK (aigateway-py) against Valence: what it has for text."""

import asyncio
import unittest

from aigateway import AIgateway, AIgatewayError, AsyncAIgateway

from valence import BAD, GOOD, KEY, MODEL, SERVED_MODEL, URL, WRONG_KEY

DATASET = [{"input": GOOD, "expected": "POSITIVE"}, {"input": BAD, "expected": "NEGATIVE"}]


def stored_call(client, request_id):
    """The SDK leaves inference to the openai package; this is a call of it that is kept."""
    response = client._client.post(
        "/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": GOOD}]},
        headers={"x-request-id": request_id, "x-aig-store": "true"},
    )
    response.raise_for_status()


class AIgatewayClient(unittest.TestCase):
    def setUp(self):
        self.client = AIgateway(api_key=KEY, base_url=URL, media_base_url=URL, tag="the-sdk")
        self.addCleanup(self.client.close)

    def test_models(self):
        models = self.client.models.list(modality="text", provider="huggingface")
        self.assertEqual([model["id"] for model in models], [MODEL])
        self.assertEqual(self.client.models.get(MODEL)["schema"]["endpoint"], "/v1/chat/completions")

    def test_evals(self):
        run = self.client.evals.create(
            name="sst-2", candidate_models=[MODEL, SERVED_MODEL], dataset=DATASET, metric="cost"
        )
        self.assertEqual(run["status"], "completed")
        self.assertIn(run["winning_model"], [MODEL, SERVED_MODEL])
        self.assertEqual(self.client.evals.get(run["id"]), run)
        self.assertIn(run["id"], [each["id"] for each in self.client.evals.list()])

    def test_replays(self):
        stored_call(self.client, "from-the-sdk")
        replay = self.client.replays.run(source_request_id="from-the-sdk", target_model=SERVED_MODEL)
        self.assertEqual((replay["source_output"], replay["target_output"]), ("POSITIVE", "POSITIVE"))
        self.assertEqual(self.client.replays.get(replay["id"]), replay)
        self.assertIn(replay["id"], [each["id"] for each in self.client.replays.list(limit=10)])

    def test_sub_accounts(self):
        made = self.client.sub_accounts.create(name="a customer", external_ref="42", spend_cap_cents=1000)
        self.assertTrue(made["key"].startswith("sk-aig-"))
        self.assertEqual(self.client.sub_accounts.get(made["id"])["name"], "a customer")
        self.assertIn(made["id"], [each["id"] for each in self.client.sub_accounts.list()])
        with AIgateway(api_key=made["key"], base_url=URL) as theirs:
            self.assertEqual(theirs.evals.list(), [])
        self.assertEqual(self.client.sub_accounts.delete(made["id"])["status"], "ok")

    def test_webhook_secret(self):
        first = self.client.webhook_secret.get()["secret"]
        self.assertTrue(first.startswith("whsec_"))
        self.assertNotEqual(self.client.webhook_secret.rotate()["secret"], first)

    def test_errors(self):
        with self.assertRaises(AIgatewayError) as unknown:
            self.client.models.get("nobody/nothing")
        self.assertEqual((unknown.exception.status_code, unknown.exception.type), (404, "model_not_found"))
        with self.assertRaises(AIgatewayError) as missing:
            self.client.evals.get("eval_nothing")
        self.assertEqual((missing.exception.status_code, missing.exception.type), (404, "not_found"))
        with AIgateway(api_key=WRONG_KEY, base_url=URL) as stranger, self.assertRaises(AIgatewayError) as refused:
            stranger.models.list()
        self.assertEqual((refused.exception.status_code, refused.exception.type), (401, "authentication_error"))

    def test_async(self):
        async def run():
            async with AsyncAIgateway(api_key=KEY, base_url=URL) as client:
                return await client.evals.create(candidate_models=[MODEL], dataset=DATASET)

        self.assertEqual(asyncio.run(run())["winner_model"], MODEL)


if __name__ == "__main__":
    unittest.main()
