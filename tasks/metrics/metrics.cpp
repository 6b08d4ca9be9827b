#include "metrics.h"

#include <atp/plugin.h>

using namespace atp;

namespace {

using Make = std::shared_ptr<const Metric> (*)();

Offer<Metric> metric(const char* name, const char* summary, Make make) {
  return {name, summary, {}, [make](const Params&) { return make(); }};
}

}  // namespace

ATP_PLUGIN(registry) {
  registry.add(metric("accuracy", "share of predictions that are the target", metrics::accuracy));
  registry.add(metric("f1", "F1 of the second of two labels", metrics::f1));
  registry.add(metric("macro_f1", "mean of the F1 of every label", metrics::macro_f1));
  registry.add(metric("matthews", "Matthews' correlation of predicted and true labels", metrics::matthews));
  registry.add(metric("multirc_f1", "F1 over all answers to all questions (MultiRC's F1a)", metrics::multirc_f1));
  registry.add(metric("multirc_exact_match", "share of questions all of whose answers are judged right",
                      metrics::multirc_exact_match));
  registry.add(metric("pearson", "Pearson's correlation of predicted and true numbers", metrics::pearson));
  registry.add(metric("spearman", "Spearman's correlation: Pearson's of the ranks", metrics::spearman));
  registry.add(metric("exact_match", "share of answers equal to a reference, SQuAD-normalised", metrics::exact_match));
  registry.add(metric("token_f1", "F1 of an answer's tokens and a reference's, SQuAD-normalised", metrics::token_f1));
  registry.add(metric("rouge1", "F measure of single tokens, stemmed", metrics::rouge1));
  registry.add(metric("rouge2", "F measure of pairs of tokens, stemmed", metrics::rouge2));
  registry.add(metric("rougeL", "F measure of the longest common subsequence", metrics::rouge_l));
  registry.add(metric("rougeLsum", "rougeL over the lines of a summary", metrics::rouge_l_sum));
  registry.add(metric("bleu", "BLEU of the whole split, sacreBLEU's 13a", metrics::bleu));
}
