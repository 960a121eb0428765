"""The cloudflare package against Valence."""

import os
import unittest

import cloudflare

from valence import BAD, CLOUDFLARE_MODEL, GOOD, KEY, SERVED_MODEL, URL, WRONG_KEY

ACCOUNT = "0123456789abcdef0123456789abcdef"


def client_with(key):
    return cloudflare.Cloudflare(base_url=f"{URL}/client/v4", api_token=key)


class CloudflareClient(unittest.TestCase):
    client = client_with(KEY)

    def run_model(self, text=GOOD, model=CLOUDFLARE_MODEL, client=None):
        return (client or self.client).ai.run(model, account_id=ACCOUNT, text=text)

    def test_answers_in_the_models_order_of_labels(self):
        for text, label in ((GOOD, "POSITIVE"), (BAD, "NEGATIVE")):
            scores = self.run_model(text)
            self.assertEqual([entry.label for entry in scores], ["NEGATIVE", "POSITIVE"])
            self.assertEqual(max(scores, key=lambda entry: entry.score).label, label)
            self.assertAlmostEqual(sum(entry.score for entry in scores), 1, places=6)

    def test_is_sure_of_a_plain_case(self):
        best = self.run_model()[1]
        self.assertEqual(best.label, "POSITIVE")
        self.assertGreater(best.score, 0.9)

    def test_says_who_answered(self):
        raw = self.client.ai.with_raw_response.run(CLOUDFLARE_MODEL, account_id=ACCOUNT, text=GOOD)
        self.assertEqual(raw.headers["x-valence-served-model"], SERVED_MODEL)

    def test_finds_the_server_by_its_environment_alone(self):
        settings = {"CLOUDFLARE_BASE_URL": f"{URL}/client/v4", "CLOUDFLARE_API_TOKEN": KEY}
        os.environ.update(settings)
        try:
            scores = self.run_model(client=cloudflare.Cloudflare())
        finally:
            for name in settings:
                del os.environ[name]
        self.assertEqual(scores[1].label, "POSITIVE")

    def test_lists_the_models_page_by_page_and_stops(self):
        names = [model["name"] for model in self.client.ai.models.list(account_id=ACCOUNT, per_page=1)]
        self.assertIn(CLOUDFLARE_MODEL, names)
        self.assertEqual(len(names), len(set(names)))

    def test_reads_schema_tasks_and_authors(self):
        schema = self.client.ai.models.schema.get(account_id=ACCOUNT, model=CLOUDFLARE_MODEL)
        self.assertEqual(schema.input.required, ["text"])
        self.assertEqual([task["name"] for task in self.client.ai.tasks.list(account_id=ACCOUNT)], ["Text Classification"])
        self.assertIn({"name": "huggingface"}, list(self.client.ai.authors.list(account_id=ACCOUNT)))

    def test_verifies_its_token_and_not_a_wrong_one(self):
        self.assertEqual(self.client.user.tokens.verify().status, "active")
        self.assertEqual(self.client.accounts.tokens.verify(account_id=ACCOUNT).status, "active")
        with self.assertRaises(cloudflare.AuthenticationError):
            client_with(WRONG_KEY).user.tokens.verify()

    def test_raises_bad_request_error_5006(self):
        with self.assertRaises(cloudflare.BadRequestError) as caught:
            self.run_model(text="")
        self.assertEqual(caught.exception.status_code, 400)
        self.assertEqual([error.code for error in caught.exception.errors], [5006])

    def test_raises_bad_request_error_5007(self):
        with self.assertRaises(cloudflare.BadRequestError) as caught:
            self.run_model(model="@cf/huggingface/no-such-model")
        (error,) = caught.exception.errors
        self.assertEqual(error.code, 5007)
        self.assertIn("No such model @cf/huggingface/no-such-model or task", error.message)

    def test_raises_not_found_error_7000(self):
        with self.assertRaises(cloudflare.NotFoundError) as caught:
            self.client.get("/no/such/endpoint", cast_to=object)
        self.assertEqual([error.code for error in caught.exception.errors], [7000])

    def test_raises_an_api_status_error_3006_for_a_text_that_is_too_large(self):
        with self.assertRaises(cloudflare.APIStatusError) as caught:
            self.run_model(text="x" * 3_000_000)
        self.assertEqual(caught.exception.status_code, 413)
        self.assertEqual([error.code for error in caught.exception.errors], [3006])

    def test_raises_its_class_for_what_only_a_request_by_hand_can_meet(self):
        run = f"/accounts/{ACCOUNT}/ai/run/{CLOUDFLARE_MODEL}"
        text = {"text": GOOD}
        too_many = {"requests": [{"text": "x" * 1_000_000}] * 11}
        for path, body, kind, status, code in (
            (run, None, cloudflare.BadRequestError, 400, 3003),
            ("/accounts/%zz/ai/run/x", text, cloudflare.BadRequestError, 400, 7003),
            (f"/accounts/{ACCOUNT}/ai/run/", text, cloudflare.NotFoundError, 404, 7000),
            (f"/accounts/{ACCOUNT}/ai/models/search", text, cloudflare.APIStatusError, 405, 10405),
            (f"{run}?queueRequest=true", too_many, cloudflare.APIStatusError, 413, 3006),
            (f"{run}?queueRequest=true", {"request_id": "job_x"}, cloudflare.NotFoundError, 404, 7003),
        ):
            with self.subTest(code=code), self.assertRaises(kind) as caught:
                self.client.post(path, body=body, cast_to=object)
            self.assertEqual(caught.exception.status_code, status)
            self.assertEqual([error.code for error in caught.exception.errors], [code])

    def test_raises_bad_request_error_6003_for_a_malformed_authorization(self):
        with self.assertRaises(cloudflare.BadRequestError) as caught:
            self.client.user.tokens.verify(extra_headers={"Authorization": KEY})
        self.assertEqual([error.code for error in caught.exception.errors], [6003])

    def test_raises_authentication_error_10000(self):
        with self.assertRaises(cloudflare.AuthenticationError) as caught:
            self.run_model(client=client_with(WRONG_KEY))
        self.assertEqual(caught.exception.status_code, 401)
        self.assertEqual([error.code for error in caught.exception.errors], [10000])


if __name__ == "__main__":
    unittest.main()
