"""What the scripts know of the server under test; the test runner tells it by the environment."""

import os

URL = os.environ["VALENCE_URL"]
KEY = os.environ["VALENCE_KEY"]
WRONG_KEY = os.environ["VALENCE_WRONG_KEY"]
SERVED_MODEL = os.environ["VALENCE_SERVED_MODEL"]

MODEL = "huggingface/distilbert-sst-2-int8"
CLOUDFLARE_MODEL = "@cf/huggingface/distilbert-sst-2-int8"
HUGGING_FACE_MODEL = "distilbert/distilbert-base-uncased-finetuned-sst-2-english"

GOOD = "This pizza is great!"
BAD = "This film is terrible, boring and a waste of time."
