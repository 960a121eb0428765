"""The openai package's files and batches against Valence."""

import io
import json
import time
import unittest

import openai

from valence import BAD, GOOD, KEY, MODEL, URL

OVER = ("completed", "failed", "expired", "cancelled")


def line(custom_id, content, url="/v1/chat/completions"):
    body = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body})


class Batches(unittest.TestCase):
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)

    def upload(self, *lines):
        return self.client.files.create(file=("input.jsonl", io.BytesIO("\n".join(lines).encode())), purpose="batch")

    def start(self, *lines):
        return self.client.batches.create(
            input_file_id=self.upload(*lines).id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"run": "nightly"},
        )

    def end_of(self, batch):
        deadline = time.monotonic() + 60
        while batch.status not in OVER:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
            batch = self.client.batches.retrieve(batch.id)
        return batch

    def results(self, file_id):
        return [json.loads(each) for each in self.client.files.content(file_id).text.splitlines()]

    def test_uploads_lists_and_deletes(self):
        file = self.upload(line("a", GOOD))
        self.assertEqual((file.object, file.purpose, file.status), ("file", "batch", "processed"))
        self.assertEqual(self.client.files.content(file.id).text, line("a", GOOD))
        self.assertIn(file.id, [each.id for each in self.client.files.list(limit=1)])
        self.assertTrue(self.client.files.delete(file.id).deleted)
        with self.assertRaises(openai.NotFoundError):
            self.client.files.retrieve(file.id)

    def test_runs_to_the_end(self):
        batch = self.end_of(self.start(line("good", GOOD), line("bad", BAD), line("none", "")))
        self.assertEqual(batch.status, "completed")
        self.assertEqual((batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed), (3, 2, 1))
        self.assertEqual(batch.metadata, {"run": "nightly"})
        answers = {each["custom_id"]: each["response"]["body"] for each in self.results(batch.output_file_id)}
        labels = {name: body["choices"][0]["message"]["content"] for name, body in answers.items()}
        self.assertEqual(labels, {"good": "POSITIVE", "bad": "NEGATIVE"})
        (failed,) = self.results(batch.error_file_id)
        self.assertEqual((failed["custom_id"], failed["response"]["status_code"]), ("none", 400))
        self.assertIn(batch.id, [each.id for each in self.client.batches.list(limit=2)])

    def test_says_what_is_wrong(self):
        batch = self.end_of(self.start(line("a", GOOD), line("a", GOOD), line("b", GOOD, url="/v1/embeddings")))
        self.assertEqual(batch.status, "failed")
        self.assertEqual([(each.line, each.code) for each in batch.errors.data], [(2, "duplicate_custom_id"), (3, "mismatched_url")])

    def test_cancels(self):
        batch = self.client.batches.cancel(self.start(*(line(str(index), GOOD) for index in range(2000))).id)
        self.assertEqual(batch.status, "cancelling")
        self.assertEqual(self.end_of(batch).status, "cancelled")


if __name__ == "__main__":
    unittest.main()
