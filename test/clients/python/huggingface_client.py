"""The huggingface_hub package against Valence."""

import math
import unittest

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from valence import BAD, HUGGING_FACE_MODEL, KEY, MODEL, URL, WRONG_KEY

TEXT = "I like you. I love you"
ADDRESS = f"{URL}/models/{HUGGING_FACE_MODEL}"


class HuggingFaceClient(unittest.TestCase):
    client = InferenceClient(model=ADDRESS, token=KEY)

    def test_ranks_every_label(self):
        for text, labels in ((TEXT, ["POSITIVE", "NEGATIVE"]), (BAD, ["NEGATIVE", "POSITIVE"])):
            ranking = self.client.text_classification(text)
            self.assertEqual([entry.label for entry in ranking], labels)
            self.assertGreater(ranking[0].score, ranking[1].score)
            self.assertAlmostEqual(sum(entry.score for entry in ranking), 1, places=6)

    def test_is_sure_of_a_plain_case(self):
        best = self.client.text_classification(TEXT)[0]
        self.assertEqual(best.label, "POSITIVE")
        self.assertGreater(best.score, 0.9)

    def test_takes_the_address_as_base_url_too(self):
        client = InferenceClient(base_url=ADDRESS, api_key=KEY)
        self.assertEqual(client.text_classification(TEXT)[0].label, "POSITIVE")

    def test_takes_the_address_with_the_call_too(self):
        client = InferenceClient(token=KEY)
        for path in (f"/models/{MODEL}", f"/hf-inference/models/{HUGGING_FACE_MODEL}"):
            ranking = client.text_classification(TEXT, model=f"{URL}{path}")
            self.assertEqual(ranking[0].label, "POSITIVE")

    def test_gets_as_many_labels_as_top_k_says(self):
        self.assertEqual([entry.label for entry in self.client.text_classification(TEXT, top_k=1)], ["POSITIVE"])
        self.assertEqual(len(self.client.text_classification(TEXT, top_k=2)), 2)

    def test_gets_the_scores_after_the_function_that_it_names(self):
        def scores(function):
            ranking = self.client.text_classification(TEXT, function_to_apply=function)
            self.assertEqual([entry.label for entry in ranking], ["POSITIVE", "NEGATIVE"])
            return [entry.score for entry in ranking]

        logits, sigmoid, softmax = scores("none"), scores("sigmoid"), scores("softmax")
        total = sum(math.exp(logit) for logit in logits)
        for index, logit in enumerate(logits):
            self.assertAlmostEqual(sigmoid[index], 1 / (1 + math.exp(-logit)), places=5)
            self.assertAlmostEqual(softmax[index], math.exp(logit) / total, places=5)
        self.assertGreater(logits[0], 1)
        self.assertLess(logits[1], 0)

    def test_raises_for_a_wrong_key(self):
        with self.assertRaises(HfHubHTTPError) as caught:
            InferenceClient(model=ADDRESS, token=WRONG_KEY).text_classification(TEXT)
        self.assertEqual(caught.exception.response.status_code, 401)
        self.assertIn("Invalid credentials in Authorization header", str(caught.exception))

    def test_raises_for_a_model_that_is_not_here(self):
        with self.assertRaises(HfHubHTTPError) as caught:
            InferenceClient(model=f"{URL}/models/nobody/nothing", token=KEY).text_classification(TEXT)
        self.assertEqual(caught.exception.response.status_code, 404)
        self.assertIn("Model nobody/nothing does not exist", str(caught.exception))

    def test_raises_for_a_function_that_nobody_knows(self):
        with self.assertRaises(HfHubHTTPError) as caught:
            self.client.text_classification(TEXT, function_to_apply="tanh")
        self.assertEqual(caught.exception.response.status_code, 400)
        self.assertIn("function_to_apply", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
