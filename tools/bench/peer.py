"""The peer's arm of the benchmark: the orders of atp.cpp, carried out by transformers and PEFT.

    python tools/bench/peer.py FOLDER THREADS

FOLDER is what `bench-atp prepare` wrote. An update is what a training loop around PEFT does: pad, forward, backward, clip,
AdamW. `evaluate` is a forward pass for the losses and generate() for the answers, as Seq2SeqTrainer evaluates.
"""
import json
import os
import resource
import sys
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from peft import PromptTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import T5ForConditionalGeneration
from transformers.utils import logging

warnings.simplefilter("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()


class Watch:
    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), self.used()

    @staticmethod
    def used():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def read(self):
        return {"seconds": time.perf_counter() - self.wall, "cpu": self.used() - self.cpu}


def pad(rows, filler):
    length = max(map(len, rows))
    return torch.tensor([row + [filler] * (length - len(row)) for row in rows])


class Worker:
    def __init__(self, folder):
        with open(folder + "/work.json") as file:
            self.tasks = json.load(file)
        self.prompt = load_file(folder + "/prompt.safetensors")["prompt"]
        backbone = T5ForConditionalGeneration.from_pretrained(folder + "/checkpoint", dtype=torch.float32)
        # Without num_transformer_submodules=1 PEFT trains a second set of prompts, for the decoder.
        self.model = get_peft_model(backbone, PromptTuningConfig(
            task_type=TaskType.SEQ_2_SEQ_LM, num_virtual_tokens=len(self.prompt), num_transformer_submodules=1))
        self.trained = [value for value in self.model.parameters() if value.requires_grad]
        assert [tuple(value.shape) for value in self.trained] == [tuple(self.prompt.shape)]
        self.reset()

    def reset(self):
        with torch.no_grad():
            self.trained[0].copy_(self.prompt)
        self.trained[0].grad = None
        self.trainings = {}
        return {}

    def batch(self, task, number):
        size = self.tasks[task]["batch_size"]
        rows = self.tasks[task]["rows"][number * size:(number + 1) * size]
        ids = pad([row["source"] for row in rows], 0)
        mask = pad([[1] * len(row["source"]) for row in rows], 0)
        return {"input_ids": ids, "attention_mask": mask, "labels": pad([row["target"] for row in rows], -100)}

    def set_dropout(self, rate):
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = rate
            elif isinstance(getattr(module, "dropout", None), float):
                module.dropout = rate

    def update(self, task, dropout):
        dropout = float(dropout)
        work = self.tasks[task]
        if (task, dropout) not in self.trainings:
            self.trainings[task, dropout] = [torch.optim.AdamW(
                self.trained, lr=work["learning_rate"], weight_decay=work["weight_decay"]), 0]
        training = self.trainings[task, dropout]
        optimiser, done = training
        training[1] += 1
        self.set_dropout(dropout)
        self.model.train()
        watch = Watch()
        loss = self.model(**self.batch(task, done % (len(work["rows"]) // work["batch_size"]))).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.trained, work["clip"])
        optimiser.step()
        optimiser.zero_grad()
        value = loss.item()
        return {**watch.read(), "loss": value, "gradient_norm": norm.item()}

    def losses(self, batch):
        logits = self.model(**batch).logits
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="none")
        return losses.view_as(batch["labels"]).sum(1)

    @torch.no_grad()
    def loss(self, task, number):
        self.model.eval()
        return {"losses": self.losses(self.batch(task, int(number))).tolist()}

    def generate(self, task, batch):
        ids = self.model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], num_beams=1,
                                  do_sample=False, max_new_tokens=self.tasks[task]["target_length"])
        return ids[:, 1:].tolist()

    @staticmethod
    def texts(rows):
        texts = []
        for row in rows:
            ends = [i for i, piece in enumerate(row) if piece == 1]
            texts.append(" ".join(map(str, row[:ends[0] if ends else len(row)])))
        return texts

    @torch.no_grad()
    def predict(self, task, number):
        self.model.eval()
        watch = Watch()
        generated = self.generate(task, self.batch(task, int(number)))
        return {**watch.read(), "generated": self.texts(generated)}

    @torch.no_grad()
    def evaluate(self, task, number):
        self.model.eval()
        watch = Watch()
        batch = self.batch(task, int(number))
        losses = self.losses(batch)
        generated = self.generate(task, batch)
        means = (losses / (batch["labels"] != -100).sum(1)).tolist()
        return {**watch.read(), "generated": self.texts(generated), "losses": means}

    def peak(self):
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    folder, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    worker = Worker(folder)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order, *arguments = line.split()
        print(json.dumps(getattr(worker, order)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
