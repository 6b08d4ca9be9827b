#!/usr/bin/env python3
"""Makes spiece.model, the small tokenizer for T5 models with random weights: 1,024 pieces, T5's special ids (<pad> 0,
</s> 1, <unk> 2), bytes for every character that no piece has. The text it is trained on is made here, from a seed.

  python3 make_tokenizer.py        needs spm_train (Debian: sentencepiece); writes spiece.model beside this file

The same sentencepiece makes the same bytes again (0.1.97 made the one that is here).
"""
import pathlib
import random
import subprocess
import tempfile

PIECES = 1024

NOUNS = """time year people way day man thing woman life child world school state family student group country problem hand
part place case week company system program question work government number night point home water room mother area money
story fact month lot right study book eye job word business issue side kind head house service friend father power hour game
line end member law car city community name president team minute idea kid body information back parent face others level
office door health person art war history party result change morning reason research girl guy moment air teacher force
education film movie picture actor scene plot director character humor comedy drama music style performance script ending
sentence premise hypothesis claim court police report market price share stock percent million dollar bank trade industry
minister leader election vote party official spokesman statement news paper page letter river sea mountain tree flower animal
dog cat horse bird fish food bread milk tea table chair window wall floor garden street road bridge train ship plane machine
computer network model data science doctor nurse hospital patient disease drug cell heart blood bone skin apple pear plum fig
cherry grape lemon melon hammer saw drill chisel wrench axe rake spade lamp cup key stone coat shoe clock fruit tool""".split()

VERBS = """be have do say get make go know take see come think look want give use find tell ask work seem feel try leave call
keep let begin help talk turn start show hear play run move like live believe hold bring happen write provide sit stand lose
pay meet include continue set learn change lead understand watch follow stop create speak read allow add spend grow open walk
win offer remember love consider appear buy wait serve die send expect build stay fall cut reach kill remain suggest raise
pass sell require report decide pull accept agree announce attack carry charge claim close cover deny drop eat enjoy enter""".split()

ADJECTIVES = """good new first last long great little own other old right big high different small large next early young
important few public bad same able funny dull smart clever sweet sad dark bright warm cold deep strong weak rich poor simple
hard easy fresh flat thin thick quick slow quiet loud clean dirty real true false full empty free local national human
political economic social final main certain clear common recent short single special whole beautiful charming moving silly
boring touching original familiar predictable entertaining engaging intelligent brilliant emotional visual""".split()

OTHERS = """the of and a to in is it you that he was for on are with as his they at be this from I have or by one had not but
what all were when we there can an your which their said if do will each about how up out them then she many some so these
would other into has more her two like him see could no than been its who now did my made over down only may after most also
very just where much before through too any same another well such because here why while never always often still both those
every between under again off against during without within around among upon about yes no entailment not_entailment neutral
contradiction sentence: sentence1: sentence2: question: premise: hypothesis: cola sst2 mrpc rte toy true false fruits tools""".split()

NAMES = "John Mary Smith Brown Paris London Berlin Rome China India America Europe Africa Anna Peter Bush Bill Sue".split()
STEMS = "act art cent comp con dis ex form gen inter mis over per port pre pro rec ref sub trans un under ver vis".split()
ENDINGS = "able age al ance ant ary ate ed en ence er est ful ible ic ing ion ish ism ist ity ive ize less ly ment ness or ous s tion ure".split()

# The only normalisation: control characters that separate words, and Unicode's spaces, become a space.
SPACES = [0x09, 0x0A, 0x0D, 0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x3000]


def inflected(choose):
    kind = choose.random()
    if kind < 0.35:
        return choose.choice(NOUNS) + choose.choice(["", "", "s", "'s"])
    if kind < 0.6:
        return choose.choice(VERBS) + choose.choice(["", "", "s", "ed", "ing", "er"])
    if kind < 0.8:
        return choose.choice(ADJECTIVES) + choose.choice(["", "", "", "ly", "ness"])
    if kind < 0.9:
        return choose.choice(STEMS) + choose.choice(STEMS + NOUNS) + choose.choice(ENDINGS)
    if kind < 0.95:
        return choose.choice(NAMES)
    return str(choose.randrange(10 ** choose.randint(1, 4)))


def sentence(choose):
    words = []
    for _ in range(choose.randint(4, 14)):
        words.append(choose.choice(OTHERS) if choose.random() < 0.45 else inflected(choose))
    text = " ".join(words)
    if choose.random() < 0.5:
        text = text[0].upper() + text[1:]
    spot = choose.randrange(1, len(words))
    if choose.random() < 0.3:
        text = text.replace(" ", choose.choice([", ", "; ", " - ", " (", ") "]), 1 if spot % 2 else 2)
    return text + choose.choice([".", ".", " .", "?", "!", ""])


def table(choose):  # as the task `toy` writes them
    things = NOUNS[NOUNS.index("apple"):NOUNS.index("fruit")] + ["book"]
    return "toy on the table: " + " ".join(choose.choice(things) for _ in range(choose.randint(7, 11)))


def main():
    here = pathlib.Path(__file__).resolve().parent
    choose = random.Random(20)
    letters = "".join(map(chr, range(33, 127)))
    lines = [sentence(choose) for _ in range(30000)] + [table(choose) for _ in range(3000)] + [" ".join(letters)] * 20
    with tempfile.TemporaryDirectory() as folder:  # the model records the names that spm_train is given: relative ones
        (pathlib.Path(folder) / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rules = "".join(f"{code:X}\t20\n" for code in SPACES)
        (pathlib.Path(folder) / "rules.tsv").write_text(rules, encoding="utf-8")
        subprocess.run(["spm_train", "--input=text.txt", "--model_prefix=spiece", "--model_type=unigram",
                        f"--vocab_size={PIECES}", "--character_coverage=1.0", "--byte_fallback=true",
                        "--normalization_rule_tsv=rules.tsv", "--pad_id=0", "--eos_id=1", "--unk_id=2", "--bos_id=-1",
                        "--pad_piece=<pad>", "--eos_piece=</s>", "--unk_piece=<unk>", "--num_threads=1",
                        "--shuffle_input_sentence=false", "--input_sentence_size=0"],
                       check=True, capture_output=True, cwd=folder)
        (here / "spiece.model").write_bytes((pathlib.Path(folder) / "spiece.model").read_bytes())
    print(here / "spiece.model", (here / "spiece.model").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
