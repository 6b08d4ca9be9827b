#pragma once

#include <atp/metric.h>

// Every score is a percentage; no rows, and what is undefined, give 0.
namespace atp::metrics {

// Classification. A row's target is its first reference; a prediction outside the label set is wrong in a way that each
// metric says.
std::shared_ptr<const Metric> accuracy();  // outside the label set: wrong
std::shared_ptr<const Metric> f1();  // of the second of two labels; outside the label set: the opposite of the target
std::shared_ptr<const Metric> macro_f1();  // mean over the label set, an absent class counts 0; outside it: no class
std::shared_ptr<const Metric> matthews();  // of any number of classes; outside the label set: a class of its own

std::shared_ptr<const Metric> multirc_f1();           // F1a: `f1` over all answers to all questions
std::shared_ptr<const Metric> multirc_exact_match();  // of questions: all rows of one group right

// Numbers. A prediction that is no finite decimal number counts as -1.
std::shared_ptr<const Metric> pearson();
std::shared_ptr<const Metric> spearman();  // equal values share the mean of their ranks

// Free text: the best of a row's references counts.
std::shared_ptr<const Metric> exact_match();  // equal after SQuAD's normalisation
std::shared_ptr<const Metric> token_f1();     // over bags of tokens after SQuAD's normalisation
std::shared_ptr<const Metric> rouge1();
std::shared_ptr<const Metric> rouge2();
std::shared_ptr<const Metric> rouge_l();
std::shared_ptr<const Metric> rouge_l_sum();  // over the lines of a summary
std::shared_ptr<const Metric> bleu();

}  // namespace atp::metrics
