"""What the huggingface_hub package raises for each documented error of the Inference API."""

import unittest
from concurrent.futures import ThreadPoolExecutor

from huggingface_hub import InferenceClient
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from valence import HUGGING_FACE_MODEL, KEY, URL, WRONG_KEY

TEXT = "I like you. I love you"
USUAL = f"{URL}/models/{HUGGING_FACE_MODEL}"


def failure_of(text=TEXT, model=USUAL, key=KEY, **parameters):
    try:
        InferenceClient(model=model, token=key).text_classification(text, **parameters)
    except Exception as error:
        return error
    return None


class HuggingFaceErrors(unittest.TestCase):
    def expect(self, error, kind, status, reason):
        self.assertIsInstance(error, kind)
        self.assertEqual(error.response.status_code, status)
        self.assertIn(reason, str(error))
        self.assertTrue(error.request_id)

    def test_400_a_parameter_that_is_wrong(self):
        self.expect(failure_of(function_to_apply="tanh"), BadRequestError, 400, "function_to_apply")

    def test_400_a_gated_model(self):
        self.expect(failure_of(model=f"{URL}/models/lab/gated"), BadRequestError, 400, "is gated")

    def test_401_a_wrong_key(self):
        self.expect(failure_of(key=WRONG_KEY), HfHubHTTPError, 401, "Invalid credentials in Authorization header")

    def test_404_no_such_model(self):
        error = failure_of(model=f"{URL}/models/lab/nothing")
        self.expect(error, HfHubHTTPError, 404, "Model lab/nothing does not exist")

    def test_413_too_large(self):
        self.expect(failure_of("x" * 9000), HfHubHTTPError, 413, "larger than this server takes")

    def test_429_too_much_at_once(self):
        with ThreadPoolExecutor(40) as pool:
            errors = [error for error in pool.map(failure_of, (f"{index} " + "word " * 400 for index in range(40))) if error]
        self.assertGreater(len(errors), 0)
        for error in errors:
            self.expect(error, HfHubHTTPError, 429, "Rate limit reached")

    def test_503_loading(self):
        error = failure_of(model=f"{URL}/models/lab/slow")
        self.expect(error, HfHubHTTPError, 503, "Model lab/slow is currently loading")
        self.assertGreater(error.response.json()["estimated_time"], 0)


if __name__ == "__main__":
    unittest.main()
