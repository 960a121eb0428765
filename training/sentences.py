"""Cuts the reviews of a JSON-lines file (gzip) into sentences, one a line on standard output, without their labels."""

import gzip
import json
import re
import sys

seen = set()
with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
    for line in file:
        text = re.sub(r"\s+", " ", json.loads(line)["text"].replace("<br />", " "))
        for sentence in re.split(r"(?<=[.!?])[\"')]* +", text):
            if 4 <= len(sentence.split()) <= 45 and sentence not in seen:
                seen.add(sentence)
                print(sentence)
