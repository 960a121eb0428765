"""The requests package against Valence's three APIs."""

import unittest

import requests

from valence import BAD, CLOUDFLARE_MODEL, GOOD, HUGGING_FACE_MODEL, KEY, MODEL, SERVED_MODEL, URL, WRONG_KEY

CLOUDFLARE = f"{URL}/client/v4/accounts/any/ai/run/"
HUGGING_FACE = f"{URL}/models/"
AIGATEWAY = f"{URL}/v1/chat/completions"


def post(address, body, key=KEY):
    return requests.post(address, headers={"Authorization": f"Bearer {key}"}, json=body, timeout=30)


def chat(model=MODEL, **options):
    return {"model": model, "messages": [{"role": "user", "content": GOOD}], **options}


class RequestsClient(unittest.TestCase):
    def test_workers_ai_answers_in_its_envelope(self):
        response = post(CLOUDFLARE + CLOUDFLARE_MODEL, {"text": GOOD})
        answer = response.json()
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response.headers["content-type"].startswith("application/json"))
        self.assertEqual(response.headers["x-valence-served-model"], SERVED_MODEL)
        self.assertEqual((answer["success"], answer["errors"], answer["messages"]), (True, [], []))
        self.assertEqual([entry["label"] for entry in answer["result"]], ["NEGATIVE", "POSITIVE"])
        self.assertGreater(answer["result"][1]["score"], 0.9)

    def test_hugging_face_answers_a_lone_text_nested(self):
        response = post(HUGGING_FACE + HUGGING_FACE_MODEL, {"inputs": GOOD})
        (ranking,) = response.json()
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response.headers["content-type"].startswith("application/json"))
        self.assertEqual([entry["label"] for entry in ranking], ["POSITIVE", "NEGATIVE"])
        self.assertGreater(ranking[0]["score"], 0.9)

    def test_hugging_face_answers_every_text_of_a_list(self):
        body = {"inputs": [GOOD, BAD, GOOD], "parameters": {"top_k": 1}, "options": {"wait_for_model": True}}
        rankings = post(HUGGING_FACE + HUGGING_FACE_MODEL, body).json()
        labels = [[entry["label"] for entry in ranking] for ranking in rankings]
        self.assertEqual(labels, [["POSITIVE"], ["NEGATIVE"], ["POSITIVE"]])

    def test_aigateway_streams_events(self):
        response = post(AIGATEWAY, chat(stream=True))
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response.headers["content-type"].startswith("text/event-stream"))
        events = [line for line in response.text.split("\n") if line]
        self.assertTrue(all(line.startswith("data: ") for line in events))
        self.assertEqual(events[-1], "data: [DONE]")

    def test_every_api_refuses_a_wrong_key_in_its_own_shape(self):
        cloudflare = post(CLOUDFLARE + CLOUDFLARE_MODEL, {"text": GOOD}, WRONG_KEY)
        hugging_face = post(HUGGING_FACE + HUGGING_FACE_MODEL, {"inputs": GOOD}, WRONG_KEY)
        aigateway = post(AIGATEWAY, chat(), WRONG_KEY)
        self.assertEqual([answer.status_code for answer in (cloudflare, hugging_face, aigateway)], [401] * 3)
        self.assertEqual(cloudflare.json()["errors"], [{"code": 10000, "message": "Authentication error"}])
        self.assertEqual(hugging_face.json(), {"error": "Invalid credentials in Authorization header"})
        self.assertEqual(aigateway.json()["error"]["type"], "authentication_error")

    def test_every_api_refuses_an_unknown_model_in_its_own_shape(self):
        cloudflare = post(CLOUDFLARE + "@cf/nobody/nothing", {"text": GOOD})
        hugging_face = post(HUGGING_FACE + "nobody/nothing", {"inputs": GOOD})
        aigateway = post(AIGATEWAY, chat(model="nobody/nothing"))
        self.assertEqual([cloudflare.status_code, hugging_face.status_code, aigateway.status_code], [400, 404, 404])
        self.assertEqual(cloudflare.json()["errors"][0]["code"], 5007)
        self.assertEqual(hugging_face.json(), {"error": "Model nobody/nothing does not exist"})
        self.assertEqual(aigateway.json()["error"]["type"], "model_not_found")


if __name__ == "__main__":
    unittest.main()
